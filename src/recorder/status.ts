import type { ArchiveStatus } from './archive/supervisor.ts'
import { writeFileAtomic } from './atomic-file.ts'
import type { Counts } from './counters.ts'
import type { SenderStatus } from './forward-to/sender.ts'
import type { Source } from './sources/source.ts'
import type { WalStatus } from './wal/wal.ts'

/** What `sekisho status` and the health check read. */
export interface RecorderStatus {
  readonly version: 1
  /** When the process started and when this was written: RFC 3339, UTC. */
  readonly since: string
  readonly time: string
  readonly log: WalStatus
  readonly archive: ArchiveStatus
  /** How the receivers of forward_to get on, when there are any. */
  readonly forwardTo?: readonly SenderStatus[]
  /** Why records cannot be stored at the moment, if so. */
  readonly storeError?: string
  readonly sources: Readonly<Record<string, SourceStatus>>
}

export interface SourceStatus extends Counts {
  /** "up", or why it is not. */
  readonly state: string
  readonly details: Readonly<Record<string, number>>
}

export function sourceStatus(source: Source): SourceStatus {
  // Details first: reading them may bring counts up to date.
  const details = source.details()
  const { received, stored, dropped, malformed } = source.counts
  return { state: source.state(), received, stored, dropped, malformed, details }
}

/** Replaces the status file in one rename; it lies on a tmpfs and need not survive a power cut. */
export function writeStatus(path: string, status: RecorderStatus): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(status)}\n`, { durable: false })
}
