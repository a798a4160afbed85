import { isIPv4 } from 'node:net'
import { reverseName } from '../router/names.ts'
import { NAME_TTL_SECS } from './diff-names.ts'
import type { LocalRecord } from './local-data.ts'

export interface NameSpace {
  readonly domain: string
  readonly reserved: ReadonlySet<string>
  readonly reservedAddresses: ReadonlySet<string>
  readonly ours: (address: string) => boolean
}

export interface Owned {
  /** Records this agent put there (or would have): it may remove them. */
  readonly records: readonly LocalRecord[]
  /** Names that come from elsewhere, such as unbound's file: the agent neither adds to them nor removes them. */
  readonly foreign: ReadonlySet<string>
  /** Their labels under the domain: nobody may take them. */
  readonly foreignLabels: ReadonlySet<string>
}

/** Whether a record says anything about the local domain or the addresses of our networks. */
export function isRelevant(record: LocalRecord, space: NameSpace): boolean {
  if (labelUnder(record.name, space.domain) !== undefined) return true
  const address = reversedAddress(record.name)
  return address !== undefined && space.ours(address)
}

/**
 * Tells the agent's own records from everybody else's by their shape: an A record of one label under the domain
 * to an address of ours, or such an address's PTR to such a name, with the agent's TTL, and neither reserved nor
 * beside a record of another kind at the same name.
 */
export function ownedNames(records: readonly LocalRecord[], space: NameSpace): Owned {
  const foreign = new Set(records.filter((record) => !looksOurs(record, space)).map((record) => record.name))
  const foreignLabels = [...foreign].flatMap((name) => labelUnder(name, space.domain) ?? [])
  return {
    records: records.filter((record) => !foreign.has(record.name) && looksOurs(record, space)),
    foreign,
    foreignLabels: new Set(foreignLabels),
  }
}

function looksOurs(record: LocalRecord, space: NameSpace): boolean {
  if (record.ttl !== NAME_TTL_SECS) return false
  if (record.type === 'A') {
    const label = labelUnder(record.name, space.domain)
    const free = label !== undefined && !label.includes('.') && !space.reserved.has(label)
    return free && isIPv4(record.data) && space.ours(record.data)
  }
  const address = reversedAddress(record.name)
  if (record.type !== 'PTR' || address === undefined) return false
  return (
    space.ours(address) &&
    !space.reservedAddresses.has(address) &&
    labelUnder(record.data.toLowerCase(), space.domain) !== undefined
  )
}

/** "phone" for "phone.home.arpa.", and what stands before the domain for deeper names; undefined elsewhere. */
function labelUnder(name: string, domain: string): string | undefined {
  const suffix = `.${domain}.`
  return name.length > suffix.length && name.endsWith(suffix) ? name.slice(0, -suffix.length) : undefined
}

function reversedAddress(name: string): string | undefined {
  const match = /^(\d+\.\d+\.\d+\.\d+)\.in-addr\.arpa\.$/.exec(name)
  const address = match?.[1]?.split('.').reverse().join('.')
  return address !== undefined && isIPv4(address) && reverseName(address) === name ? address : undefined
}
