import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { z } from 'zod'
import { createHost } from '../router/host.ts'
import { COMPOSE_PROJECT, PATHS } from '../router/paths.ts'

const WAIT_MS = 10 * 60_000

const Status = z.object({
  archive: z.object({
    error: z.string().optional(),
    passes: z.number(),
    counts: z.object({ rows: z.number() }),
    stored: z.object({ files: z.number(), bytes: z.number() }).optional(),
  }),
})
type Archive = z.output<typeof Status>['archive']

/** `sekisho archive now`: what was recorded so far becomes Parquet, and goes to the bucket if that is due. Exit 0, or 1. */
export function archiveNow(): Command {
  return new Command('now')
    .description('convert what was recorded so far, instead of within a quarter of an hour')
    .action(async () => {
      const host = createHost()
      const read = async (): Promise<Archive | undefined> => {
        const text = await host.read(`${PATHS.run}/recorder/status.json`)
        return text === undefined ? undefined : Status.parse(JSON.parse(text)).archive
      }
      const before = await read()
      const argv = [
        'docker',
        'compose',
        '--project-name',
        COMPOSE_PROJECT,
        'kill',
        '--signal',
        'HUP',
        'recorder',
      ]
      const { code, stderr } = await host.exec(argv)
      if (!before || code !== 0) {
        process.stderr.write(`the recorder does not run. Fix: see sekisho status\n${stderr}`)
        process.exitCode = 1
        return
      }
      process.stderr.write('converting…\n')
      for (const until = Date.now() + WAIT_MS; Date.now() < until; await sleep(500)) {
        const now = await read()
        // A pass that ran when it was asked says nothing about what came since: one that began later has to end.
        if (!now || now.passes <= before.passes) continue
        if (now.error !== undefined) break
        const { files, bytes } = now.stored ?? { files: 0, bytes: 0 }
        const rows = now.counts.rows - before.counts.rows
        process.stdout.write(`${rows} records converted; the archive has ${files} files, ${bytes} bytes\n`)
        return
      }
      process.stderr.write(
        `not done: ${(await read())?.error ?? 'it takes longer'}. Fix: see sekisho status\n`,
      )
      process.exitCode = 1
    })
}
