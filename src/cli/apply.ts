import { Command } from 'commander'
import { createHost } from '../router/host.ts'
import { findSshSession, wouldCut } from '../router/takeover-ssh.ts'
import { loadOrReport } from './report.ts'
import { type ApplyFlags, complain, imagesOf, runApply, withApplyOptions } from './run-apply.ts'

interface Options extends ApplyFlags {
  readonly force?: boolean
}

/** `sekisho apply [FILE]`: makes the machine what the file says. Exit 0: it is; 1: it is as it was before. */
export function applyCommand(): Command {
  const command = new Command('apply')
    .description('make this machine what router.yaml says; what goes wrong is undone')
    .argument('[file]', 'the router.yaml')
    .option('--force', 'even when it ends the SSH session that runs this')
  return withApplyOptions(command).action(async (file: string | undefined, options: Options) => {
    process.exitCode = await run(file, options)
  })
}

async function run(file: string | undefined, options: Options): Promise<number> {
  const loaded = await loadOrReport(file, options.json === true)
  if (!loaded) return 1
  if (process.getuid?.() !== 0) return complain('sekisho apply changes the machine. Fix: run it as root')
  const host = createHost()
  const session = await findSshSession(host, process.pid)
  const cut = session && wouldCut(session, loaded.router)
  return runApply({
    host,
    desired: loaded.desired,
    source: loaded.text,
    flags: options,
    ensureImages: imagesOf(host, loaded.ensureImages),
    // What is undone by itself may cut: whoever is cut off comes back to what was before, or by the new way.
    veto: () =>
      cut === undefined || options.force || options.confirm !== undefined
        ? undefined
        : `${cut}. Fix: allow it in router.yaml, work at the console, use --force, or better --confirm 2m, which undoes it unless you confirm`,
  })
}
