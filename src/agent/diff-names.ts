import { reverseName } from '../router/names.ts'
import type { LocalRecord } from './local-data.ts'

/** Seconds a resolver may remember a name: short, because the host may be elsewhere after its next lease. */
export const NAME_TTL_SECS = 60

/** The address record and its reverse (RFC 1035 sections 3.4.1 and 3.3.12) for each label → IPv4 address. */
export function nameRecords(addresses: ReadonlyMap<string, string>, domain: string): LocalRecord[] {
  return [...addresses].flatMap(([label, address]) => {
    const name = `${label}.${domain}.`
    return [
      { name, ttl: NAME_TTL_SECS, type: 'A', data: address },
      { name: reverseName(address), ttl: NAME_TTL_SECS, type: 'PTR', data: name },
    ]
  })
}

/** What takes unbound from `current` to `desired`: names to remove with all their records, then records to add. */
export interface NamesDiff {
  readonly remove: readonly string[]
  readonly add: readonly LocalRecord[]
}

/**
 * Compares the records that are ours now with those wanted. unbound can only remove a whole name, so a name
 * that changes is removed and given its wanted records again.
 */
export function diffNames(current: readonly LocalRecord[], desired: readonly LocalRecord[]): NamesDiff {
  const have = byName(current)
  const want = byName(desired)
  const remove = [...have.keys()].filter((name) => {
    const wanted = want.get(name)
    return ![...(have.get(name) ?? [])].every((key) => wanted?.has(key) === true)
  })
  const removed = new Set(remove)
  const add = desired.filter((record) => {
    return removed.has(record.name) || have.get(record.name)?.has(recordKey(record)) !== true
  })
  return { remove, add }
}

function byName(records: readonly LocalRecord[]): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>()
  for (const record of records) {
    const keys = names.get(record.name)
    if (keys === undefined) names.set(record.name, new Set([recordKey(record)]))
    else keys.add(recordKey(record))
  }
  return names
}

function recordKey(record: LocalRecord): string {
  return `${record.ttl} ${record.type} ${record.data.toLowerCase()}`
}
