import { Command } from 'commander'
import { pruneImages, releaseImages } from '../install/prune-images.ts'
import { createHost } from '../router/host.ts'
import { findSshSession, wouldCut } from '../router/takeover-ssh.ts'
import { migrateFile } from './migrate.ts'
import { unproved } from './proof.ts'
import { asRoot, loadOrReport, routerFile } from './report.ts'
import { type ApplyFlags, imagesOf, runApply, say, withApplyOptions } from './run-apply.ts'

interface Options extends ApplyFlags {
  readonly force?: boolean
  readonly prove: boolean
}

/** `sekisho apply [FILE]`: makes the machine what the file says. Exit 0: it is; 1: it is as it was before. */
export function applyCommand(): Command {
  const command = new Command('apply')
    .description('make this machine what router.yaml says; what goes wrong is undone')
    .argument('[file]', 'the router.yaml')
    .option('--force', 'even when it ends the SSH session that runs this')
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
  const session = await findSshSession(host, process.pid)
  const cut = session && wouldCut(session, loaded.router)
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
    // What is undone by itself may cut: whoever is cut off comes back to what was before, or by the new way.
    veto: async () => {
      const unsafe = options.prove ? await unproved(loaded, say) : undefined
      if (unsafe !== undefined || cut === undefined || options.force || options.confirm !== undefined)
        return unsafe
      return `${cut}. Fix: allow it in router.yaml, work at the console, use --force, or better --confirm 2m, which undoes it unless you confirm`
    },
  })
  // What runs now was made from it in the current version.
  if (code === 0 && loaded.migration) await migrateFile(routerFile(file))
  return code
}
