import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { ensurePackages } from '../build/debian.ts'
import { dockerAnswers, ensureImages } from '../install/images.ts'
import { installRelease } from '../install/install.ts'
import { pruneImages } from '../install/prune-images.ts'
import { missingPackages } from '../install/requirements.ts'

interface Options {
  readonly bundle?: string
  readonly apt?: boolean
}

/** `sekisho install [--bundle FILE]`: puts a release in place on this machine, with no Internet. */
export function installCommand(): Command {
  return new Command('install')
    .description('install sekisho on this machine from a bundle; it starts nothing')
    .option('--bundle <file>', 'the archive (default: the unpacked bundle that this runs from)')
    .option('--apt', 'first install missing Debian packages with apt-get')
    .action(async (options: Options) => {
      process.exitCode = await install(options)
    })
}

async function install({ bundle, apt }: Options): Promise<number> {
  const onProgress = (line: string) => console.error(`sekisho: ${line}`)
  if (process.getuid?.() !== 0) return fail('install writes to /opt and /etc', 'run it as root')
  if (bundle !== undefined && !existsSync(bundle)) return fail(`${bundle} does not exist`, 'name the archive')
  process.umask(0o022)
  const missing = await missingPackages()
  if (missing.length > 0 && apt) await ensurePackages(missing, onProgress)
  else if (missing.length > 0) {
    const line = `apt-get install --no-install-recommends ${missing.join(' ')}`
    return fail(
      'this machine lacks Debian packages that a router needs',
      `${line} (or: sekisho install --apt)`,
    )
  }
  const result = await installRelease({
    ...(bundle === undefined ? {} : { bundle: resolve(bundle) }),
    onProgress,
  })
  if (result.status === 'refused') return fail(result.message, result.fix)
  if (await dockerAnswers()) {
    await ensureImages(result.images, { onProgress })
    for (const ref of await pruneImages()) onProgress(`removed ${ref}, which no release or generation uses`)
  } else onProgress('Docker is not running: the first `sekisho apply` loads the images')
  console.log(
    result.status === 'already'
      ? `sekisho ${result.release} is already installed`
      : `sekisho ${result.release} is installed. Next: sekisho init, then sekisho apply`,
  )
  return 0
}

function fail(message: string, fix: string): number {
  console.error(`sekisho: ${message}. Fix: ${fix}`)
  return 1
}
