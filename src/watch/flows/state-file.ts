import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Destination } from './flow-record.ts'
import type { Recorded } from './flow-table.ts'

/*
 * How much of each long connection is in records, for the next start: written before those records are handed on, so that
 * nothing is counted twice; a crash between the two costs one part of each. The file must live as long as the kernel's
 * table of connections does, and no longer: on a tmpfs of the host. Where there is none, nothing was recorded before.
 */

export interface SavedFlow extends Recorded {
  readonly destination?: Destination
}

const MAX_BYTES = 64 * 1024 * 1024
const STATUSES: readonly unknown[] = ['asked', 'expired', 'none', 'local']

/** What was saved; undefined when there is no file, or none that we wrote. */
export function readState(path: string): readonly SavedFlow[] | undefined {
  try {
    const text = readFileSync(path, 'utf8')
    if (text.length > MAX_BYTES) return undefined
    const { version, flows } = JSON.parse(text) as { version?: unknown; flows?: unknown }
    return version === 1 && Array.isArray(flows) ? flows.flatMap((one) => parse(one) ?? []) : undefined
  } catch {
    return undefined
  }
}

export function writeState(path: string, flows: Iterable<SavedFlow>): void {
  const rows = Array.from(flows, ({ key, startMicros, counts, destination }) => {
    const { originalPackets, originalBytes, replyPackets, replyBytes } = counts
    const numbers = [key, startMicros, originalPackets, originalBytes, replyPackets, replyBytes]
    return destination?.status === undefined
      ? numbers
      : [...numbers, destination.status, ...(destination.name === undefined ? [] : [destination.name])]
  })
  writeFileSync(`${path}.tmp`, JSON.stringify({ version: 1, flows: rows }), { mode: 0o600 })
  renameSync(`${path}.tmp`, path)
}

function parse(row: unknown): SavedFlow | undefined {
  if (!Array.isArray(row)) return undefined
  const [key, startMicros, originalPackets, originalBytes, replyPackets, replyBytes] = row
  const [, , , , , , status, name] = row as readonly unknown[]
  const numbers = row.slice(0, 6)
  if (numbers.length < 6 || !numbers.every((one) => Number.isSafeInteger(one) && one >= 0)) return undefined
  const known = STATUSES.includes(status)
  return {
    key,
    startMicros,
    counts: { originalPackets, originalBytes, replyPackets, replyBytes },
    ...(known && {
      destination: {
        status: status as NonNullable<Destination['status']>,
        ...(typeof name === 'string' && { name }),
      },
    }),
  }
}
