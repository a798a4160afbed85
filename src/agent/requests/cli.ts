import { setTimeout as sleep } from 'node:timers/promises'
import { run } from '../../lib/run.ts'
import type { Action, ActionResult, Question } from './request.ts'
import { RequestProblem } from './server.ts'

/*
 * What this release's own command line says, asked as a child: one implementation for people and for the dashboard.
 */

/** A question that the command line answers. */
export type CliQuestion = Exclude<Question, { readonly ask: 'connections' | 'paused' }>

const ASK_MS = 60_000
const MAX_TEXT = 4 * 1024 * 1024
/** Exit codes that come with an answer: `status` and `cost` say 3 when not all is well, `plan` and `diff` 2 for a difference. */
const ANSWERED: Readonly<Record<CliQuestion['ask'], readonly number[]>> = {
  status: [0, 3],
  generations: [0],
  leases: [0],
  cost: [0, 3],
  plan: [0, 2],
  diff: [0, 2],
}

/** The answer of the command line: what its --json says, or { text, changes }. Throws a RequestProblem without one. */
export async function askCli(sekisho: readonly string[], question: CliQuestion): Promise<unknown> {
  const { ask } = question
  const text = ask === 'plan' || ask === 'diff'
  const args = ask === 'diff' ? [ask, String(question.a), String(question.b)] : text ? [ask] : [ask, '--json']
  const { code, stdout, stderr } = await run([...sekisho, ...args], { timeout: ASK_MS, env: PLAIN })
  if (code === 124) throw new RequestProblem(`sekisho ${ask} took longer than ${ASK_MS / 1000} s`)
  if (!ANSWERED[ask].includes(code))
    throw fileProblem(stdout) ?? problemOf(stderr.trim() || stdout.trim() || `exit code ${code}`)
  if (stdout.length > MAX_TEXT) throw new RequestProblem(`sekisho ${ask} says too much`)
  return text ? { text: stdout, changes: code === 2 } : JSON.parse(stdout)
}

/** An apply waits for containers; it undoes what goes wrong by itself, and is never killed half way. */
const ACTION_MS = 15 * 60_000

/** Makes a change by the command that people make it with; resolves to what it says. */
export async function actByCli(sekisho: readonly string[], action: Action): Promise<ActionResult> {
  const work = run([...sekisho, ...argsOf(action)], { env: { ...PLAIN, SEKISHO_AUTHOR: 'dashboard' } })
  const done = await Promise.race([work, sleep(ACTION_MS, undefined, { ref: false })])
  if (done === undefined) return { ok: false, problem: 'it is still under way', fix: 'sekisho status' }
  return parseResult(done.stdout) ?? failure(done.stderr.trim() || `exit code ${done.code}`)
}

/** Each argument is one of the patterns of request.ts, none of which begins with "-". */
function argsOf(action: Action): readonly string[] {
  switch (action.action) {
    case 'rename':
      return ['rename', '--json', action.macAddress, action.name]
    case 'reserve':
      // biome-ignore format: one option a line
      return [
        'leases', 'reserve', '--apply', '--json',
        '--address', action.address,
        '--name', action.name,
        action.macAddress,
      ]
    case 'pause':
    case 'resume':
      return [action.action, '--json', action.macAddress]
  }
}

function parseResult(stdout: string): ActionResult | undefined {
  try {
    const { ok, generation, summary, problem, fix }: Record<string, unknown> = JSON.parse(stdout)
    if (ok === true && typeof generation === 'number')
      return { ok, generation, summary: typeof summary === 'string' ? summary : '' }
    if (ok !== false || typeof problem !== 'string') return undefined
    return { ok, problem, ...(typeof fix === 'string' && { fix }) }
  } catch {
    return undefined
  }
}

/** What --json says of a router.yaml that is wrong. */
function fileProblem(stdout: string): RequestProblem | undefined {
  try {
    const { issues }: { issues?: readonly Record<string, string>[] } = JSON.parse(stdout)
    const [first, ...more] = issues ?? []
    if (first === undefined) return undefined
    const others = more.length === 0 ? '' : ` (and ${more.length} more)`
    return new RequestProblem(
      [first.path, first.message].filter(Boolean).join(': ') + others,
      more.length === 0 ? first.fix : 'sekisho check',
    )
  } catch {
    return undefined
  }
}

function failure(said: string): ActionResult {
  const { message, fix } = problemOf(said)
  return { ok: false, problem: message, ...(fix !== undefined && { fix }) }
}

/** Our errors end with "Fix: …". */
function problemOf(said: string): RequestProblem {
  const [problem = '', fix] = said.slice(-4000).split(/\.? Fix: /, 2)
  return new RequestProblem(problem.replace(/^sekisho[a-z ]*: /, ''), fix?.trim())
}

const PLAIN = { NO_COLOR: '1', TERM: 'dumb' }
