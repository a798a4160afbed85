import { userInfo } from 'node:os'
import type { Command } from 'commander'
import { dockerAnswers, type ensureImages } from '../install/images.ts'
import { type ApplyOptions, type ApplyResult, apply } from '../router/apply/apply.ts'
import { sessionOf } from '../router/apply/session.ts'
import { type EnsureImages, StepError } from '../router/apply/step.ts'
import { hashToken, newToken } from '../router/apply/token.ts'
import { describe, describeJson } from '../router/describe.ts'
import { authorOf } from '../router/generation/meta.ts'
import { probesOf } from '../router/health/probes-of.ts'
import type { Host } from '../router/host.ts'
import type { Plan } from '../router/plan/plan.ts'
import { awaitConfirm } from './await-confirm.ts'
import { parseConfirmTime } from './confirm-time.ts'
import { type Interrupts, outliveTheTerminal } from './outlive.ts'
import { terminalOptions } from './terminal.ts'
import { undoArgv } from './undo-argv.ts'

/** The options that every command has that changes the machine. */
export interface ApplyFlags {
  readonly confirm?: string
  readonly json?: boolean
  readonly wait: string
  readonly deadline: string
  /** False with --no-health. */
  readonly health: boolean
}

/** `command` with the options that every command has that changes the machine. */
export function withApplyOptions(command: Command): Command {
  return command
    .option('--confirm <time>', 'undo it unless "sekisho confirm" follows within this time: 90s, 2m, 1h')
    .option('--wait <seconds>', 'how long to wait for another apply to end', '120')
    .option('--deadline <seconds>', 'how long what worked before may take to work again', '30')
    .option(
      '--no-health',
      'even when what worked before does not work again: for a line that is still to come',
    )
    .option('--json', 'the plan and the result for programs')
}

export interface RunApplyOptions
  extends Pick<ApplyOptions, 'host' | 'desired' | 'source' | 'restoresYaml' | 'budget'> {
  readonly flags: ApplyFlags
  readonly ensureImages: EnsureImages
  /** Why not to go on, in words. */
  readonly veto?: (plan: Plan) => Promise<string | undefined>
  /** After it was confirmed, here or there; lines to print. */
  readonly onConfirmed?: (generation: number) => Promise<readonly string[]>
}

/** Applies a state on this terminal, waits for the confirmation when that was asked for, and returns the exit code. */
export async function runApply(options: RunApplyOptions): Promise<number> {
  const { host, flags } = options
  for (const name of ['wait', 'deadline'] as const)
    if (!/^\d{1,5}$/.test(flags[name])) return complain(`--${name} takes a number of seconds`)
  const secs = flags.confirm === undefined ? undefined : parseConfirmTime(flags.confirm)
  if (typeof secs === 'string') return complain(secs)
  const token = newToken()
  const interrupts = outliveTheTerminal()
  const result = await apply({
    ...options,
    author: await authorOf(host, process.env, userInfo().username),
    lockSecs: Number(flags.wait),
    againSecs: Number(flags.deadline),
    onProgress: say,
    ...(flags.health && { probes: (desired) => probesOf(host, desired) }),
    guard: undoArgv(),
    ...(secs !== undefined && {
      confirm: { secs, session: await sessionOf(host, process.pid), tokenHash: hashToken(token) },
    }),
    onPlan: async (plan) => {
      if (plan.steps.length > 0 && !flags.json) process.stdout.write(describe(plan, terminalOptions()))
      const veto = plan.steps.length > 0 ? await options.veto?.(plan) : undefined
      // Now, while somebody surely sees it: the way to this terminal may be what changes.
      if (veto === undefined && secs !== undefined && plan.from !== plan.to)
        say(`to keep it, within ${flags.confirm} of its end: sekisho confirm ${token}`)
      return veto
    },
  })
  if (!result.ok || !result.waiting) {
    const notes = result.ok && result.changed ? ((await options.onConfirmed?.(result.plan.to)) ?? []) : []
    report(result, flags, notes)
    endSoon()
    return result.ok ? 0 : 1
  }
  const code = await waitAndReport(options, result.plan, token, interrupts)
  endSoon()
  return code
}

/** All is done and said: whatever a child or a socket may still hold open, nobody waits for it. */
function endSoon(): void {
  setTimeout(() => process.exit(), 2000).unref()
}

async function waitAndReport(
  { host, flags }: RunApplyOptions,
  plan: Plan,
  token: string,
  interrupts: Interrupts,
): Promise<number> {
  const { to, from } = plan
  if (!flags.json)
    process.stdout.write(
      `Generation ${to} is in use, and goes back by itself unless it is confirmed within ${flags.confirm}:\n  sekisho confirm          in this session\n  sekisho confirm ${token}   from anywhere\n`,
    )
  const gone = new AbortController()
  interrupts.onSignal = () => gone.abort()
  const confirmed = await awaitConfirm(host, to, { say: flags.json ? () => {} : say, gone: gone.signal })
  if (flags.json) {
    const words = { confirmed: confirmed ?? null, plan: describeJson(plan) }
    process.stdout.write(`${JSON.stringify({ ok: confirmed === true, changed: true, ...words }, null, 2)}\n`)
  } else if (confirmed === true) {
    process.stdout.write(`Done: generation ${to} is in use and confirmed.\n`)
  } else if (confirmed === false) {
    const back =
      from === undefined ? 'this machine is as it was before' : `generation ${from} is in use again`
    process.stderr.write(
      `Generation ${to} was not confirmed: ${back}.\nrouter.yaml is as you left it; "sekisho plan" shows what it would change.\n`,
    )
  } else {
    process.stderr.write(`It still waits: sekisho confirm ${token} keeps it, sekisho rollback gives it up.\n`)
  }
  return confirmed === true ? 0 : confirmed === false ? 1 : 130
}

function report(result: ApplyResult, { json }: ApplyFlags, notes: readonly string[]): void {
  if (json) {
    const { plan, ...rest } = result
    process.stdout.write(
      `${JSON.stringify({ ...rest, ...(plan && { plan: describeJson(plan) }) }, null, 2)}\n`,
    )
    return
  }
  if (result.ok) {
    process.stdout.write(
      result.changed
        ? `Done: generation ${result.plan.to} is in use and confirmed.\n`
        : 'Nothing to do: the machine is what router.yaml says.\n',
    )
    for (const note of notes) process.stdout.write(`${note}\n`)
    return
  }
  reportFailure(result)
}

/** Why it failed, and how the machine is now. */
export function reportFailure(
  result: Pick<Extract<ApplyResult, { ok: false }>, 'stage' | 'message' | 'details' | 'unrestored'>,
): void {
  process.stderr.write(`\n${result.message}\n`)
  for (const line of result.details) say(line)
  process.stderr.write(
    result.stage !== 'apply'
      ? 'Nothing was changed.\n'
      : result.unrestored.length === 0
        ? 'Everything is as it was before.\n'
        : 'The way back was not complete; "sekisho plan" shows what differs:\n',
  )
  for (const line of result.unrestored) say(line)
}

/** Images by what is installed, and Docker started where it is not: stopped, it cannot say which it has. */
export function imagesOf(host: Host, ensure: typeof ensureImages): EnsureImages {
  return async (images) => {
    if (!(await dockerAnswers())) {
      say('starts Docker, which keeps the images')
      await host.exec(['systemctl', 'start', 'docker.service'])
    }
    const missing = await ensure(images, { onProgress: say })
    if (missing.length > 0)
      throw new StepError(
        `these images are nowhere on this machine: ${missing.join(', ')}. Fix: install the bundle they belong to, or docker pull them`,
      )
  }
}

export function say(line: string): void {
  process.stderr.write(`  ${line}\n`)
}

/** Prints a complaint; the exit code for it. */
export function complain(line: string): 1 {
  process.stderr.write(`${line}\n`)
  return 1
}
