import { readFile } from 'node:fs/promises'
import { type RunResult, run } from '../lib/run.ts'
import { loadRouter } from '../load-router.ts'
import { Refusal } from '../move/refusal.ts'
import { readGuard } from '../router/apply/guard.ts'
import { readMeta } from '../router/generation/meta.ts'
import type { Host } from '../router/host.ts'
import { observe } from '../router/observe.ts'
import { ownCommand } from '../router/own-command.ts'
import { PATHS } from '../router/paths.ts'
import { plan } from '../router/plan/plan.ts'
import { judge } from './judge.ts'
import { replaceFile } from './replace-file.ts'

/*
 * One small change of router.yaml that is applied at once: as somebody who edits the file and runs `sekisho apply` would do
 * it, and with the file as it was when that fails.
 */

export interface RouterChange {
  readonly host: Host
  /** The router.yaml. */
  readonly file: string
  /** The text as it shall be; throws a Refusal when it cannot. */
  readonly edit: (text: string) => string
  readonly say: (line: string) => void
  /** Why nothing may be applied now: default, what `sekisho plan` would do already. */
  readonly pending?: (host: Host, file: string) => Promise<Refusal | undefined>
  /** `sekisho apply --json`; default, this release's. */
  readonly apply?: () => Promise<RunResult>
}

/** The generation that a change has made. */
export interface Changed {
  readonly generation: number
  readonly summary: string
}

const LOCK = '/run/sekisho-change.lock'
const LOCK_SECS = 20

/** Makes the change; throws a Refusal when it is not made, and then everything is as it was. */
export async function changeRouter(change: RouterChange): Promise<Changed> {
  const release = await change.host.lock(LOCK, LOCK_SECS)
  if (!release) throw new Refusal('another change is under way', 'wait for it, then try again')
  try {
    return await changeLocked(change)
  } finally {
    await release()
  }
}

async function changeLocked(change: RouterChange): Promise<Changed> {
  const { host, file, edit, say, pending = whatIsPending, apply = applyHere } = change
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new Refusal(error.message, 'sekisho init writes one')
  })
  const busy = await whyBusy(host)
  if (busy) throw busy
  const before = judge(text)
  if (!before.ok) throw new Refusal(`${file} has mistakes`, 'sekisho check')
  const edited = edit(text)
  const wrong = mistakes(edited, file)
  if (wrong) throw wrong
  const first = await pending(host, file)
  if (first) throw first
  if ((await readFile(file, 'utf8')) !== text)
    throw new Refusal(`${file} is being edited by somebody else`, 'sekisho plan, then try again')
  await replaceFile(file, edited)
  say('applies it')
  const result = await apply().catch((error: Error) => ({ code: 127, stdout: '', stderr: error.message }))
  const applied = parseApply(result)
  if (applied.ok)
    return { generation: applied.generation, summary: await summaryOf(host, applied.generation) }
  // Whoever edited it meanwhile has the last word.
  const back = (await readFile(file, 'utf8')) === edited
  if (back) await replaceFile(file, text)
  throw new Refusal(
    `${applied.problem}. ${back ? `${file} is as it was` : `${file} was edited meanwhile, and stays`}`,
    applied.fix ?? 'sekisho plan',
  )
}

/** An apply that runs, one that waits for its confirmation, or `sekisho down`. */
async function whyBusy(host: Host): Promise<Refusal | undefined> {
  const guard = await readGuard(host)
  if (guard?.phase === 'waiting')
    return new Refusal(
      `generation ${guard.to} waits to be confirmed`,
      'sekisho confirm keeps it, sekisho rollback gives it up',
    )
  const release = await host.lock(PATHS.lock, 0)
  if (!release) return new Refusal('an apply is running', 'wait for it, then try again')
  await release()
  if (await host.stat(PATHS.down)) return new Refusal('sekisho down holds', 'sekisho up')
  return undefined
}

/** What would be applied along: edits of somebody's, or what another release makes of the same file. */
async function whatIsPending(host: Host, file: string): Promise<Refusal | undefined> {
  const loaded = await loadRouter(file)
  if (!loaded.ok) return new Refusal(`${file} has mistakes`, 'sekisho check')
  const planned = plan(await observe(host, loaded.desired), loaded.desired, { source: loaded.text })
  if (planned.from === undefined) return new Refusal('nothing is applied on this machine', 'sekisho apply')
  if (planned.blockers.length > 0) return new Refusal(planned.blockers.join('; '), 'sekisho plan')
  const [edit, ...more] = planned.changes
  if (edit) {
    const others = more.length === 0 ? '' : ` and ${more.length} more`
    return new Refusal(
      `${file} has edits that are not applied: ${edit.says}${others}`,
      'look at them with sekisho plan, then sekisho apply, or take them back',
    )
  }
  // What drifted is mended by any apply, and no reason to wait.
  if (planned.to === planned.from || planned.drift.length > 0) return undefined
  return new Refusal('this release was not applied yet', 'sekisho apply')
}

/** Why the edited file would be wrong. */
function mistakes(text: string, file: string): Refusal | undefined {
  const judged = judge(text)
  if (judged.ok) return undefined
  const [issue] = judged.issues.filter(({ severity }) => severity !== 'warning')
  const fix = issue?.fix ?? 'choose another'
  return new Refusal(issue?.message ?? 'router.yaml would be wrong', `${fix}; ${file} was left as it is`)
}

/** The command as a person would run it, so that it is one way and no other. */
function applyHere(): Promise<RunResult> {
  return run([...ownCommand(), 'apply', '--json', '--wait', '5'])
}

type Applied =
  | { readonly ok: true; readonly generation: number }
  | { readonly ok: false; readonly problem: string; readonly fix?: string }

/** What `apply --json` says. */
function parseApply({ code, stdout, stderr }: RunResult): Applied {
  let said: Said = {}
  try {
    said = JSON.parse(stdout) as Said
  } catch {
    // It died, or could not be started.
  }
  if (code === 0 && said.plan) return { ok: true, generation: said.plan.to }
  const issue = said.issues?.[0]
  if (issue) return { ok: false, problem: issue.message, ...(issue.fix !== undefined && { fix: issue.fix }) }
  const words = [said.message ?? stderr.trim().slice(-1000), ...(said.details ?? [])].join('; ')
  const [problem = '', fix] = words.split(/\.? Fix: /, 2)
  return { ok: false, problem: problem || `apply ended with code ${code}`, ...(fix !== undefined && { fix }) }
}

interface Said {
  readonly plan?: { readonly to: number }
  readonly message?: string
  readonly details?: readonly string[]
  readonly issues?: readonly { readonly message: string; readonly fix?: string }[]
}

async function summaryOf(host: Host, generation: number): Promise<string> {
  return (await readMeta(host, generation))?.summary.join('; ') ?? ''
}
