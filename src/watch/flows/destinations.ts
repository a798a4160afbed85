import type { Destination } from './flow-record.ts'
import { END_REASON, type FlowPart } from './flow-table.ts'
import type { Names } from './names.ts'
import type { Place } from './zones.ts'

const OWN_SIDE: ReadonlySet<string | undefined> = new Set(['wan', 'router', 'containers', undefined])
const MAX_KEPT = 65_536

/**
 * The name that a device meant when it connected to an address. Status: 'asked', 'expired' and 'none' are for what a
 * network's device opened to the WAN; 'local' is for what it opened to anything here, which needs no name. What came in
 * from the WAN, and what the router or a container opened, has none: their questions are not seen, or are about others. Nor
 * has what began before this watched.
 */
export class Destinations {
  readonly #names: Names
  readonly #sinceMs: number
  /** Of long connections: the answer is forgotten before they end. */
  readonly #kept = new Map<number, Destination>()

  /** `sinceMs`: what was asked before is not known. */
  constructor(names: Names, sinceMs: number) {
    this.#names = names
    this.#sinceMs = sinceMs
  }

  find(part: FlowPart, source: Place, destination: Place): Destination {
    const { key, startMicros, endReason } = part
    const known = this.#kept.get(key)
    // Also when it is in another zone by now.
    if (endReason !== END_REASON.active) this.#kept.delete(key)
    if (OWN_SIDE.has(source.zone)) return {}
    if (destination.zone !== 'wan') return { status: 'local' }
    const found = known ?? this.#look(part, startMicros / 1000)
    // Whose address it is may be known only later, and by that the name: 'none' is not the last word.
    const keep = endReason === END_REASON.active && !known && found.status !== 'none'
    if (keep && this.#kept.size < MAX_KEPT) this.#kept.set(key, found)
    return found
  }

  /** From before a restart. */
  keep(key: number, destination: Destination): void {
    this.#kept.set(key, destination)
  }

  kept(key: number): Destination | undefined {
    return this.#kept.get(key)
  }

  #look({ conntrack: { original } }: FlowPart, startMs: number): Destination {
    const found = this.#names.find(original.source, original.destination, startMs)
    // Of what began before this did, it is not known either whether somebody asked.
    return found.status === 'none' && startMs < this.#sinceMs ? {} : found
  }
}
