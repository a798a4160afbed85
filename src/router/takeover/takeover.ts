import type { Host } from '../host.ts'
import { removeEmptyParents } from '../host.ts'
import { PATHS } from '../paths.ts'
import { type ChainPlace, chainName, setPolicy } from './policy.ts'

/*
 * A machine that becomes a router was something else before. What would fight us is set aside so that it can be
 * given back: every action says what was there, and is recorded before it is done.
 */

/** One thing set aside (or switched on) for us; `why` is for the reader of the plan. */
export type TakeoverAction =
  | {
      readonly kind: 'disable-unit' | 'enable-unit'
      readonly unit: string
      readonly wasEnabled: boolean
      readonly wasActive: boolean
      /**
       * Sockets, timers and paths that start the unit: those that were active when it is disabled, for they would
       * start it again; those that were not when it is enabled, for they come with it and would stay.
       */
      readonly triggers?: readonly string[]
      readonly why: string
    }
  | {
      /** Lines of ifupdown's configuration become comments; on the way back the ports are brought up again. */
      readonly kind: 'ifupdown'
      readonly path: string
      readonly before: string
      readonly after: string
      readonly mode: number
      readonly ports: readonly string[]
      readonly why: string
    }
  | { readonly kind: 'move-file'; readonly path: string; readonly savedAs: string; readonly why: string }
  | { readonly kind: 'stop-process'; readonly pid: number; readonly name: string; readonly why: string }
  | {
      /** A base chain whose policy is drop accepts instead. */
      readonly kind: 'accept-policy'
      readonly chain: ChainPlace
      readonly why: string
    }

interface TakeoverRecord {
  readonly version: 1
  readonly done: readonly TakeoverAction[]
}

/** Where what was done is kept, for `restoreTakeover`. */
const TAKEOVER_RECORD = '/etc/sekisho/takeover.json'
/** Where moved files wait. */
export const TAKEOVER_SAVED = '/etc/sekisho/saved/takeover'

const UNIT_TIMEOUT = 90_000

/** Firewalls that remove all rules when they start, those of Docker too. */
export const FLUSHING: ReadonlySet<string> = new Set([
  'nftables.service',
  'ufw.service',
  'firewalld.service',
  'netfilter-persistent.service',
])

/** Does one action and records it. Throws with the program's words when it fails; then it may be half done. */
export async function doTakeover(host: Host, action: TakeoverAction): Promise<void> {
  // Recorded first: half an action can then be undone, and undoing what was not done is harmless.
  await record(host, (done) =>
    done.some((other) => isSameUnit(other, action))
      ? done
      : [...done.filter((other) => !sameAction(other, action)), action],
  )
  switch (action.kind) {
    case 'disable-unit':
      await systemctl(host, ['disable', '--now', action.unit])
      if (action.triggers) await systemctl(host, ['stop', action.unit, ...action.triggers])
      return
    case 'enable-unit':
      return systemctl(host, ['enable', '--now', action.unit])
    case 'ifupdown':
      return host.write(action.path, action.after, action.mode)
    case 'move-file':
      return host.rename(action.path, action.savedAs)
    case 'stop-process':
      return stopProcess(host, action.pid)
    case 'accept-policy':
      return setPolicy(host, action.chain, 'accept')
  }
}

const PROCESS_PATIENCE_MS = 5000

/** When it returns the process is gone: one that is only about to go would answer for what is started after it. */
async function stopProcess(host: Host, pid: number): Promise<void> {
  // TERM, not its own "release": the address stays until networkd has it.
  await host.exec(['kill', '-TERM', String(pid)])
  for (const end = Date.now() + PROCESS_PATIENCE_MS; Date.now() < end; ) {
    if (!(await host.stat(`/proc/${pid}`))) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await host.exec(['kill', '-KILL', String(pid)])
}

/** Gives back what one action took. */
export async function undoTakeover(host: Host, action: TakeoverAction): Promise<void> {
  switch (action.kind) {
    case 'disable-unit':
    case 'enable-unit':
      await restoreUnit(host, action)
      break
    case 'ifupdown':
      await host.write(action.path, action.before, action.mode)
      for (const port of action.ports) await bringUp(host, port)
      break
    case 'move-file':
      if (await host.stat(action.savedAs)) await host.rename(action.savedAs, action.path)
      await removeEmptyParents(host, action.savedAs, '/etc/sekisho')
      break
    case 'stop-process':
      break
    case 'accept-policy':
      await setPolicy(host, action.chain, 'drop')
      break
  }
  await record(host, (done) => done.filter((other) => !sameAction(other, action)))
}

/** ifupdown configures the port as its file says. Throws when it cannot, for then the port has no address. */
async function bringUp(host: Host, port: string): Promise<void> {
  const { code, stderr } = await host.exec(['ifup', '--force', port], { timeoutMs: UNIT_TIMEOUT })
  // 127: there is no ifupdown, so its file meant nothing before either.
  if (code !== 0 && code !== 127)
    throw new Error(`ifup ${port} failed: ${stderr.trim().split('\n').at(-1) || `code ${code}`}`)
}

/** What a unit was at first is what is given back, also when giving it back was cut short and begins again. */
function isSameUnit(a: TakeoverAction, b: TakeoverAction): boolean {
  return 'unit' in a && 'unit' in b && a.kind === b.kind && a.unit === b.unit
}

function sameAction(a: TakeoverAction, b: TakeoverAction): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

async function restoreUnit(
  host: Host,
  { kind, unit, wasEnabled, wasActive, triggers = [] }: Extract<TakeoverAction, { wasActive: boolean }>,
): Promise<void> {
  await systemctl(host, [wasEnabled ? 'enable' : 'disable', unit])
  const [back, gone] = kind === 'disable-unit' ? [triggers, []] : [[], triggers]
  // Triggers together with their unit: a socket left for a moment would start it again.
  const stop = wasActive ? gone : [unit, ...gone]
  const start = wasActive ? [unit, ...back] : back
  if (stop.length > 0) await systemctl(host, ['stop', ...stop])
  if (start.length > 0) await systemctl(host, ['start', ...start])
  if (kind === 'disable-unit' && wasActive && FLUSHING.has(unit)) {
    // It took Docker's rules with everybody's. systemd's start limit is for crashes, and this is none.
    await host.exec(['systemctl', 'reset-failed', 'docker.service'])
    await systemctl(host, ['try-restart', 'docker.service'])
  }
}

/** Gives the machine back what takeover set aside, the last thing first; returns what could not be, in words. */
export async function restoreTakeover(host: Host): Promise<string[]> {
  const failures: string[] = []
  for (const action of (await readTakeover(host)).toReversed()) {
    try {
      await undoTakeover(host, action)
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
    }
  }
  return failures
}

/** What has been set aside so far, in order. */
export async function readTakeover(host: Host): Promise<readonly TakeoverAction[]> {
  const text = await host.read(TAKEOVER_RECORD)
  if (text === undefined) return []
  return (JSON.parse(text) as TakeoverRecord).done
}

async function record(
  host: Host,
  change: (done: readonly TakeoverAction[]) => readonly TakeoverAction[],
): Promise<void> {
  const done = change(await readTakeover(host))
  if (done.length === 0) {
    await host.remove(TAKEOVER_RECORD)
    return
  }
  // In one order whatever was undone and done again: giving back goes from last to first, and ends with files, and
  // with the policy, which firewalls and Docker would set anew when they start.
  const order = [
    'accept-policy',
    'ifupdown',
    'move-file',
    'stop-process',
    'disable-unit',
    'enable-unit',
  ] satisfies TakeoverAction['kind'][]
  const sorted = done.toSorted(
    (a, b) =>
      order.indexOf(a.kind) - order.indexOf(b.kind) || (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1),
  )
  const next: TakeoverRecord = { version: 1, done: sorted }
  await host.write(TAKEOVER_RECORD, `${JSON.stringify(next, null, 1)}\n`, 0o600)
}

async function systemctl(host: Host, args: readonly string[]): Promise<void> {
  const result = await host.exec(['systemctl', ...args], { timeoutMs: UNIT_TIMEOUT })
  if (result.code !== 0)
    throw new Error(`systemctl ${args.join(' ')} failed: ${result.stderr.trim() || `code ${result.code}`}`)
}

/** One line for the plan, for an action that is given back. */
export function describeGivenBack(action: TakeoverAction): string {
  switch (action.kind) {
    case 'disable-unit':
      return `enables ${action.unit} again, which was set aside: it is in nobody's way any more`
    case 'enable-unit':
      return `disables ${action.unit} again`
    case 'ifupdown':
      return `gives ${action.ports.join(', ')} back to ${action.path}`
    case 'move-file':
      return `gives back ${action.path}`
    case 'stop-process':
      return `leaves ${action.name} to whoever started it`
    case 'accept-policy':
      return `gives ${chainName(action.chain)} its policy drop back`
  }
}

/** One line for the plan. */
export function describeTakeover(action: TakeoverAction): string {
  switch (action.kind) {
    case 'disable-unit':
      return `disables ${action.unit}: ${action.why}`
    case 'enable-unit':
      return `enables ${action.unit}: ${action.why}`
    case 'ifupdown':
      return `takes ${action.ports.join(', ')} out of ${action.path}: ${action.why}`
    case 'move-file':
      return `moves ${action.path} to ${PATHS.config.replace(/\/[^/]*$/, '')}/saved: ${action.why}`
    case 'stop-process':
      return `stops ${action.name} (process ${action.pid}): ${action.why}`
    case 'accept-policy':
      return `sets the policy of ${chainName(action.chain)} from drop to accept: ${action.why}`
  }
}
