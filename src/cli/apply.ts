import { Command } from 'commander'
import { pruneImages, releaseImages } from '../install/prune-images.ts'
import { createHost } from '../router/host.ts'
import { migrateFile } from './migrate.ts'
import { unproved } from './proof.ts'
import { type CutFlags, FORCE, refusedCut } from './refused-cut.ts'
import { asRoot, loadOrReport, routerFile } from './report.ts'
import { type ApplyFlags, imagesOf, runApply, say, withApplyOptions } from './run-apply.ts'

interface Options extends ApplyFlags, CutFlags {
  readonly prove: boolean
}

/** `sekisho apply [FILE]`: makes the machine what the file says. Exit 0: it is; 1: it is as it was before. */
export function applyCommand(): Command {
  const command = new Command('apply')
    .description('make this machine what router.yaml says; what goes wrong is undone')
    .argument('[file]', 'the router.yaml')
    .option(...FORCE)
    .option('--no-prove', 'without trying out the checks of router.yaml first')
  return withApplyOptions(command).action(async (file: string | undefined, options: Options) => {
    process.exitCode = await run(file, options)
  })
}

async function run(file: string | undefined, options: Options): Promise<number> {
  const loaded = await loadOrReport(file, options.json === true)
  if (!loaded) return 1
  if (!asRoot('apply', 'changes the machine')) return 1
  const host = createHost()
  const cut = await refusedCut(host, loaded.router, options, 'allow it in router.yaml, ')
  const code = await runApply({
    host,
    desired: loaded.desired,
    source: loaded.text,
    flags: options,
    budget: {
      keep: loaded.config.generations.keep,
      maxBytes: loaded.config.generations.max_bytes,
      pinned: await releaseImages(),
      onDropped: async () => void (await pruneImages()),
    },
    ensureImages: imagesOf(host, loaded.ensureImages),
    veto: async () => (options.prove ? await unproved(loaded, say) : undefined) ?? cut,
  })
  // What runs now was made from it in the current version.
  if (code === 0 && loaded.migration) await migrateFile(routerFile(file))
  return code
}
