import { Command } from 'commander'
import { ensureImages } from '../install/images.ts'
import { apply } from '../router/apply/apply.ts'
import { desiredOf, generationPath } from '../router/generation/generation.ts'
import { createHost } from '../router/host.ts'
import { readCurrent } from '../router/observe.ts'
import { outliveTheTerminal } from './outlive.ts'
import { asRoot } from './report.ts'
import { complain, imagesOf, say } from './run-apply.ts'

/** `sekisho up`: what `down` stopped runs again, as it was applied last. Exit 0: it does; 1: it does not. */
export function upCommand(): Command {
  return new Command('up')
    .description('start again what `down` stopped, as it was applied last; router.yaml is not read')
    .action(async () => {
      if (asRoot('up', 'starts services')) process.exitCode = await up()
    })
}

async function up(): Promise<number> {
  const host = createHost()
  const current = await readCurrent(host)
  if (current === undefined) return complain('there was no apply on this machine yet. Fix: sekisho apply')
  if (current.drift.length > 0)
    return complain(`generated files were changed by hand: ${current.drift.join(', ')}. Fix: sekisho apply`)
  outliveTheTerminal()
  const result = await apply({
    host,
    desired: desiredOf(current),
    source: (await host.read(`${generationPath(current.number)}/router.yaml`)) ?? '',
    onProgress: say,
    ensureImages: imagesOf(host, ensureImages),
  })
  if (result.ok) {
    process.stdout.write(
      result.changed ? `Up: generation ${current.number} runs as it did.\n` : 'Everything is up already.\n',
    )
    return 0
  }
  for (const line of result.details) say(line)
  return complain(result.message)
}
