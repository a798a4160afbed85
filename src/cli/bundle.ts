import { stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { Command } from 'commander'
import { ensureBundle, exportBundle } from '../build/bundle.ts'

/** `sekisho bundle [-o FILE]`: makes the archive that installs a router with no Internet; prints its path. */
export function bundleCommand(): Command {
  return new Command('bundle')
    .description('make one archive that installs a router with no Internet')
    .option('-o, --output <file>', 'where to put it: a file or a folder (default: the current folder)')
    .action(async (options: { output?: string }) => {
      if (process.getuid?.() !== 0) {
        console.error('sekisho bundle builds a Debian base and images. Fix: run it as root')
        process.exitCode = 1
        return
      }
      const bundle = await ensureBundle((line) => console.error(`sekisho: ${line}`))
      const wanted = resolve(options.output ?? '.')
      const isFolder = await stat(wanted).then(
        (s) => s.isDirectory(),
        () => false,
      )
      const file = isFolder ? join(wanted, basename(bundle)) : wanted
      await exportBundle(bundle, file)
      console.log(file)
    })
}
