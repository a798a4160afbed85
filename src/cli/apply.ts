import { Command } from 'commander'
import { dockerAnswers } from '../install/images.ts'
import { apply } from '../router/apply.ts'
import { StepError } from '../router/apply-step.ts'
import { describe, describeJson } from '../router/describe.ts'
import { createHost } from '../router/host.ts'
import { findSshSession, wouldCut } from '../router/takeover-ssh.ts'
import { loadOrReport } from './report.ts'

interface Options {
  readonly force?: boolean
  readonly json?: boolean
  readonly wait: string
}

/** `sekisho apply [FILE]`: makes the machine what the file says. Exit 0: it is; 1: it is as it was before. */
export function applyCommand(): Command {
  return new Command('apply')
    .description('make this machine what router.yaml says; what goes wrong is undone')
    .argument('[file]', 'the router.yaml')
    .option('--force', 'even when it ends the SSH session that runs this')
    .option('--wait <seconds>', 'how long to wait for another apply to end', '120')
    .option('--json', 'the plan and the result for programs')
    .action(async (file: string | undefined, options: Options) => {
      process.exitCode = await run(file, options)
    })
}

async function run(file: string | undefined, { force, json, wait }: Options): Promise<number> {
  const loaded = await loadOrReport(file, json === true)
  if (!loaded) return 1
  if (process.getuid?.() !== 0) {
    process.stderr.write('sekisho apply changes the machine. Fix: run it as root\n')
    return 1
  }
  if (!/^\d{1,5}$/.test(wait)) {
    process.stderr.write('--wait takes a number of seconds\n')
    return 1
  }
  const host = createHost()
  const session = await findSshSession(host, process.pid)
  const cut = session && wouldCut(session, loaded.router)
  outliveTheTerminal()
  const say = (line: string) => process.stderr.write(`  ${line}\n`)
  const result = await apply({
    host,
    desired: loaded.desired,
    source: loaded.text,
    lockSecs: Number(wait),
    onProgress: say,
    ensureImages: async (images) => {
      // Stopped, it cannot say which images it has; the plan starts it anyway.
      if (!(await dockerAnswers())) {
        say('starts Docker, which keeps the images')
        await host.exec(['systemctl', 'start', 'docker.service'])
      }
      const missing = await loaded.ensureImages(images, { onProgress: say })
      if (missing.length > 0)
        throw new StepError(
          `these images are nowhere on this machine: ${missing.join(', ')}. Fix: install the bundle they belong to, or docker pull them`,
        )
    },
    onPlan: async (plan) => {
      if (plan.steps.length > 0 && !json) process.stdout.write(describe(plan))
      if (cut === undefined || plan.steps.length === 0 || force) return undefined
      return `${cut}. Fix: allow it in router.yaml, work at the console, or use --force`
    },
  })
  if (json) {
    const { plan, ...rest } = result
    process.stdout.write(
      `${JSON.stringify({ ...rest, ...(plan && { plan: describeJson(plan) }) }, null, 2)}\n`,
    )
    return result.ok ? 0 : 1
  }
  if (result.ok) {
    process.stdout.write(
      result.changed
        ? `Done: generation ${result.plan.to} is in use and confirmed.\n`
        : 'Nothing to do: the machine is what router.yaml says.\n',
    )
    return 0
  }
  process.stderr.write(`\n${result.message}\n`)
  for (const line of result.details) process.stderr.write(`  ${line}\n`)
  if (result.stage === 'apply') {
    process.stderr.write(
      result.unrestored.length === 0
        ? 'Everything is as it was before.\n'
        : 'The way back was not complete; "sekisho plan" shows what differs:\n',
    )
    for (const line of result.unrestored) process.stderr.write(`  ${line}\n`)
  } else {
    process.stderr.write('Nothing was changed.\n')
  }
  return 1
}

/** Half an apply is worse than none: a lost terminal or a Ctrl-C does not end it, and it ends by itself. */
function outliveTheTerminal(): void {
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM'] as const)
    process.on(signal, () => process.stderr.write('  finishing first: it can be undone by another apply\n'))
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}
