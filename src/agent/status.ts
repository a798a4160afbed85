import type { WanState } from './wan-state.ts'
import type { WanReach } from './watchdog-job.ts'

/** /run/sekisho/agent/status.json: what `sekisho status` says of the agent. Times are ISO 8601, in UTC. */
export interface AgentStatus {
  readonly version: 1
  readonly pid: number
  readonly startedAt: string
  readonly wan: WanState &
    WanReach & {
      /** Link, an address, a default route, and nothing found that says it carries nothing: of either IP version. */
      readonly up: boolean
      /** When `state` last changed, by the wall clock and in seconds since boot (a clock set later changes nothing). */
      readonly since: string
      readonly sinceUptimeSecs: number
    }
  /** Absent when no module serves names and leases. */
  readonly names?: { readonly count: number; readonly leases: number }
  /** Whether our advertisements name us as a default router for IPv6. */
  readonly defaultRouter6: boolean
  /** The WAN's resolvers, behind our own in resolv.conf. */
  readonly resolvers: readonly string[]
  readonly jobs: Readonly<Record<string, JobStatus>>
}

export interface JobStatus {
  readonly ok: boolean
  /** Since when it is so. */
  readonly since: string
  /** The last error, also when it works again. */
  readonly lastError?: string
  readonly lastErrorAt?: string
}

/** A job's status after an outcome: `error`, or undefined when it works. */
export function nextJobStatus(
  before: JobStatus | undefined,
  error: string | undefined,
  now: string,
): JobStatus {
  const ok = error === undefined
  const since = before?.ok === ok ? before.since : now
  if (!ok) return { ok, since, lastError: error, lastErrorAt: now }
  return before?.lastError === undefined
    ? { ok, since }
    : {
        ok,
        since,
        lastError: before.lastError,
        ...(before.lastErrorAt === undefined ? {} : { lastErrorAt: before.lastErrorAt }),
      }
}
