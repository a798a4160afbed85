import type { Host } from '../host.ts'

/**
 * Who sits at the keyboard, as the kernel knows it. Each part is inherited by every process of the session, through
 * sudo and su too, and cannot be made up by another: a process's number with its start time is never had twice
 * within a boot, and the audit session is given at login and cannot be changed afterwards (pam_loginuid(8)).
 */
export interface Session {
  /** The audit session of the login; absent where the kernel keeps none. */
  readonly audit?: number
  /** "pid start": the leader of the outermost terminal among our ancestors, and the SSH connection's own process. */
  readonly anchors: readonly string[]
}

/** (uid_t)-1: no login. */
const UNSET = 4_294_967_295

interface Ancestor {
  readonly pid: number
  readonly parent: number
  readonly leader: number
  readonly terminal: number
  readonly start: string
  readonly ssh: string | undefined
}

/** The session that a process is in; `pid` is ours. */
export async function sessionOf(host: Host, pid: number): Promise<Session> {
  const ancestors: Ancestor[] = []
  for (let at = pid; at > 1 && ancestors.length < 64; ) {
    const ancestor = await readAncestor(host, at)
    if (!ancestor) break
    ancestors.push(ancestor)
    at = ancestor.parent
  }
  const anchors: string[] = []
  // The outermost: sudo and tmux give their commands terminals of their own.
  const leader = ancestors.findLast(({ terminal }) => terminal !== 0)?.leader
  const ssh = ancestors.findLast((ancestor) => ancestor.ssh !== undefined)
  for (const anchor of [leader, ssh?.parent]) {
    const found = anchor === undefined || anchor <= 1 ? undefined : await readAncestor(host, anchor)
    if (found) anchors.push(`${found.pid} ${found.start}`)
  }
  const text = await host.read(`/proc/${pid}/sessionid`).catch(() => undefined)
  const audit = text === undefined || text.trim() === '' ? UNSET : Number(text)
  return { ...(audit !== UNSET && { audit }), anchors }
}

/** Whether two looks saw the same session; two that have nothing to go by are not. */
export function sameSession(a: Session, b: Session): boolean {
  return (
    (a.audit !== undefined && a.audit === b.audit) || a.anchors.some((anchor) => b.anchors.includes(anchor))
  )
}

/** proc_pid_stat(5): the command's name is in parentheses and may hold anything; fields are counted behind it. */
async function readAncestor(host: Host, pid: number): Promise<Ancestor | undefined> {
  const read = (name: string) => host.read(`/proc/${pid}/${name}`).catch(() => undefined)
  const stat = await read('stat')
  if (stat === undefined) return undefined
  const [, parent, , leader, terminal, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const environment = (await read('environ')) ?? ''
  return {
    pid,
    parent: Number(parent),
    leader: Number(leader),
    terminal: Number(terminal),
    // Field 22 of all, the 15th behind the terminal (field 7).
    start: rest[14] ?? '',
    ssh: /(?:^|\0)SSH_CONNECTION=([^\0]+)/.exec(environment)?.[1],
  }
}
