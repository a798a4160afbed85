import { Command, Option } from 'commander'
import { ensureImages } from '../install/images.ts'
import { loadRouter } from '../load-router.ts'
import { restoreYaml } from '../router/apply/confirm.ts'
import { type FallBackResult, fallBack } from '../router/apply/fall-back.ts'
import { readGuard } from '../router/apply/guard.ts'
import { earlierGeneration } from '../router/generation/earlier.ts'
import { desiredOf, generationPath } from '../router/generation/generation.ts'
import { createHost, type Host } from '../router/host.ts'
import { type CutFlags, FORCE, refusedCut } from './refused-cut.ts'
import { asRoot } from './report.ts'
import { type ApplyFlags, complain, imagesOf, runApply, say, withApplyOptions } from './run-apply.ts'

interface Options extends ApplyFlags, CutFlags {
  readonly unconfirmed?: boolean
}

/** An apply that is alive ends by itself; the timer's service is in no hurry then. */
const PATIENCE_SECS = 3600

/**
 * `sekisho rollback [N]`: what a generation before was, is again; while an apply waits to be confirmed, that is given
 * up. It needs no network. Exit 0: it is so; 1: it is as it was before.
 */
export function rollbackCommand(): Command {
  const command = new Command('rollback')
    .description('go back to the generation before, or to number N; without a network')
    .argument('[generation]', 'its number; default: the one that was confirmed before')
    .option(...FORCE)
    // What the timer runs: nothing happens unless something is due.
    .addOption(new Option('--unconfirmed').hideHelp())
  return withApplyOptions(command).action(async (generation: string | undefined, options: Options) => {
    process.exitCode = await run(generation, options)
  })
}

async function run(generation: string | undefined, options: Options): Promise<number> {
  if (!asRoot('rollback', 'changes the machine')) return 1
  const host = createHost()
  if (options.unconfirmed) return undoWhatIsDue(host)
  if (generation !== undefined && !/^[1-9]\d{0,8}$/.test(generation))
    return complain(`${JSON.stringify(generation)} is no generation. Fix: give its number`)
  const guard = await readGuard(host)
  if (guard && generation === undefined && options.confirm === undefined) {
    const lockSecs = Number(options.wait)
    const why = guard.phase === 'waiting' ? 'it was rolled back before it was confirmed' : undefined
    return reportBack(await back(host, { lockSecs, early: true, ...(why !== undefined && { why }) }))
  }
  const found = await earlierGeneration(host, generation === undefined ? undefined : Number(generation))
  if (!found.ok) return complain(found.message)
  const { number } = found.generation
  const file = `${generationPath(number)}/router.yaml`
  // One that this release cannot read is no reason to stay.
  const loaded = await loadRouter(file)
  const cut = loaded.ok ? await refusedCut(host, loaded.router, options) : undefined
  return runApply({
    host,
    desired: desiredOf(found.generation),
    source: (await host.read(file)) ?? '',
    restoresYaml: true,
    flags: options,
    ensureImages: imagesOf(host, ensureImages),
    veto: async () => cut,
    async onConfirmed(made) {
      const kept = await restoreYaml(host, made)
      return kept === undefined
        ? [`It is generation ${number} again.`]
        : [`It is generation ${number} again, router.yaml too; what was there is kept in ${kept}.`]
    },
  })
}

function back(
  host: Host,
  options: { readonly lockSecs: number; readonly early?: boolean; readonly why?: string },
): Promise<FallBackResult> {
  const context = { host, ensureImages: imagesOf(host, ensureImages), healthSecs: 120 }
  return fallBack({ context, onProgress: say, ...options })
}

/** For the timer: what has died or was not confirmed is undone; what still has time is waited for. */
async function undoWhatIsDue(host: Host): Promise<number> {
  for (;;) {
    const result = await back(host, { lockSecs: PATIENCE_SECS })
    if (result.did !== 'not yet') return reportBack(result)
    await new Promise((resolve) => setTimeout(resolve, Math.ceil(result.leftSecs * 1000)))
  }
}

function reportBack(result: FallBackResult): number {
  switch (result.did) {
    case 'locked':
      return complain('an apply is under way, and did not end in time. Fix: wait for its end, then try again')
    case 'nothing':
    case 'not yet':
      process.stdout.write('Nothing to undo.\n')
      return 0
    case 'back': {
      const { from, to, failures } = result
      const now = to === undefined ? 'this machine is as it was before' : `generation ${to} is in use again`
      if (failures.length === 0) {
        process.stdout.write(
          `${from === undefined ? 'It' : `Generation ${from}`} is given up: ${now}. router.yaml is as you left it.\n`,
        )
        return 0
      }
      complain('The way back was not complete; "sekisho plan" shows what differs:')
      for (const line of failures) say(line)
      return 1
    }
  }
}
