import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { dockerAnswers } from '../install/images.ts'
import { pruneImages } from '../install/prune-images.ts'
import { rollBackRelease, type UpgradeOptions, type UpgradeResult, upgrade } from '../install/upgrade.ts'
import { createHost } from '../router/host.ts'
import { PATHS } from '../router/paths.ts'

interface Options {
  readonly rollback?: boolean
  readonly force?: boolean
}

/** `sekisho upgrade BUNDLE`: moves to the release of a bundle, and back when it does not do. */
export function upgradeCommand(): Command {
  return new Command('upgrade')
    .description('move to the release of a bundle; when it cannot apply router.yaml, the old release is back')
    .argument('[bundle]', 'the archive that "sekisho bundle" made')
    .option('--rollback', 'go back by hand to the release before this one')
    .option('--force', 'apply even when it ends the SSH session that runs this')
    .action(async (bundle: string | undefined, options: Options) => {
      process.exitCode = await run(bundle, options)
    })
}

async function run(bundle: string | undefined, { rollback, force }: Options): Promise<number> {
  if (process.getuid?.() !== 0)
    return fail('upgrade writes to /opt and changes the machine', 'run it as root')
  if ((bundle === undefined) === (rollback !== true))
    return fail('it takes a bundle, or --rollback', 'name one of them')
  if (bundle !== undefined && !existsSync(bundle)) return fail(`${bundle} does not exist`, 'name the archive')
  process.umask(0o022)
  outliveTheTerminal()
  const options: UpgradeOptions = {
    host: createHost(),
    run: runRelease,
    onProgress: (line) => process.stderr.write(`sekisho: ${line}\n`),
    applyArgs: force ? ['--force'] : [],
  }
  const result =
    bundle === undefined ? await rollBackRelease(options) : await upgrade(resolve(bundle), options)
  // Those of a release that is gone again.
  if (result.status === 'back' && (await dockerAnswers())) await pruneImages()
  return report(result)
}

function report(result: UpgradeResult): number {
  switch (result.status) {
    case 'refused':
      return fail(result.message, result.fix)
    case 'already':
      process.stdout.write(`sekisho ${result.release} is in use already\n`)
      return 0
    case 'done':
      process.stdout.write(
        `sekisho ${result.to} is in use${result.applied ? ' and has applied router.yaml' : ''}. ${result.from} is kept: sekisho upgrade --rollback\n`,
      )
      return 0
    case 'back':
      process.stderr.write(
        `sekisho: ${result.failed}. Release ${result.from} is in use again, and what it had applied. Fix: see what is said above, or stay with ${result.from}\n`,
      )
      return 1
    case 'stuck':
      return fail(
        `${result.failed}. Release ${result.from} is in use again, but could not apply router.yaml either`,
        'see what is said above, mend that, then run "sekisho apply"',
      )
  }
}

/** A release hangs, or does its work: no apply takes this long. */
const TIMEOUT_MS = 20 * 60_000

function runRelease(release: string, args: readonly string[]): Promise<number> {
  const child = spawn(join(PATHS.install, release, 'sekisho'), [...args], {
    stdio: 'inherit',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  })
  return new Promise((done) => {
    child.on('error', (error) => {
      process.stderr.write(`sekisho: ${error.message}\n`)
      done(127)
    })
    child.on('close', (code) => done(code ?? 137))
  })
}

/** The way back is ours to go, terminal or not. */
function outliveTheTerminal(): void {
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const) process.on(signal, () => undefined)
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
}

function fail(message: string, fix: string): number {
  process.stderr.write(`sekisho: ${message}. Fix: ${fix}\n`)
  return 1
}
