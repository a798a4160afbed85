import { Command } from 'commander'
import { ensureImages } from '../install/images.ts'
import { apply } from '../router/apply.ts'
import { StepError } from '../router/apply-step.ts'
import { desiredOf, generationPath } from '../router/generation.ts'
import { createHost } from '../router/host.ts'
import { readCurrent } from '../router/observe.ts'
import { outliveTheTerminal } from './outlive.ts'
import { asRoot } from './report.ts'

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
  if (current === undefined) return fail('there was no apply on this machine yet. Fix: sekisho apply')
  if (current.drift.length > 0)
    return fail(`generated files were changed by hand: ${current.drift.join(', ')}. Fix: sekisho apply`)
  outliveTheTerminal()
  const say = (line: string) => process.stderr.write(`  ${line}\n`)
  const result = await apply({
    host,
    desired: desiredOf(current),
    source: (await host.read(`${generationPath(current.number)}/router.yaml`)) ?? '',
    onProgress: say,
    ensureImages: async (images) => {
      const missing = await ensureImages(images, { onProgress: say })
      if (missing.length > 0)
        throw new StepError(`images are missing: ${missing.join(', ')}. Fix: sekisho apply`)
    },
  })
  if (result.ok) {
    process.stdout.write(
      result.changed ? `Up: generation ${current.number} runs as it did.\n` : 'Everything is up already.\n',
    )
    return 0
  }
  for (const line of result.details) say(line)
  return fail(result.message)
}

function fail(message: string): number {
  process.stderr.write(`${message}\n`)
  return 1
}
