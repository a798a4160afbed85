import { BlockList } from 'node:net'
import { dirname } from 'node:path'
import type { AgentConfig } from '../router/render/agent.ts'
import { desiredNames } from './desired-names.ts'
import { diffNames, nameRecords } from './diff-names.ts'
import { DirectoryWatch } from './directory-watch.ts'
import { fingerprint } from './fingerprint.ts'
import { type HolderStore, labelsHeld } from './holder-store.ts'
import type { Lease } from './lease.ts'
import type { LeaseReader } from './lease-reader.ts'
import type { LocalRecord } from './local-data.ts'
import { isRelevant, type NameSpace, type Owned, ownedNames } from './owned-names.ts'
import { addLocalData, listLocalData, removeLocalData } from './unbound-client.ts'

/** A resolver that restarted or reloaded has forgotten the names: it is asked this often. */
const LIST_EVERY_MS = 10_000

export interface NamesStatus {
  /** Names in the resolver now. */
  readonly count: number
  /** Live or dead, as kea listed them last. */
  readonly leases: number
}

/**
 * Keeps the resolver's local data equal to kea's live leases. `run` is one pass and is called again and again; it
 * throws when a side is away, and nothing is removed for want of an answer: names of leases known before stay
 * until those end.
 */
export class NamesJob {
  readonly #config: NonNullable<AgentConfig['names']>
  readonly #space: NameSpace
  readonly #hostname: string
  readonly #store: HolderStore
  readonly #reader: LeaseReader
  readonly #resolverWatch: DirectoryWatch
  #leases: readonly Lease[] | undefined
  #resolverSeen = ''
  #owned: Owned | undefined
  #listed = Number.NEGATIVE_INFINITY
  #listEvery = LIST_EVERY_MS
  #nextExpiry = 0
  #dirty = true
  #count = 0

  /** `poke` is called when the resolver changed and `run` should come soon. */
  constructor(
    config: AgentConfig,
    names: NonNullable<AgentConfig['names']>,
    reader: LeaseReader,
    store: HolderStore,
    poke: () => void,
  ) {
    this.#config = names
    this.#hostname = config.hostname
    this.#store = store
    this.#space = {
      domain: config.domain,
      reserved: new Set(names.reserved.map((entry) => entry.name)),
      reservedAddresses: new Set(names.reserved.map((entry) => entry.address)),
      ours: insideOf(config.networks.map((network) => network.prefix)),
    }
    this.#reader = reader
    this.#resolverWatch = new DirectoryWatch(dirname(names.resolverSocket), poke)
  }

  async run(now: number = Date.now()): Promise<void> {
    await this.#resolverWatch.ensure()
    const errors: unknown[] = []
    // A resolver that is away must not keep the leases from being known, nor the other way round.
    await this.#refreshLeases().catch((error: unknown) => errors.push(error))
    await this.#refreshRecords().catch((error: unknown) => errors.push(error))
    if (this.#owned !== undefined && this.#leases !== undefined) {
      await this.#reconcile(this.#owned, this.#leases, now / 1000)
    }
    if (errors.length > 0) throw errors[0]
  }

  status(): NamesStatus {
    return { count: this.#count, leases: this.#leases?.length ?? 0 }
  }

  close(): void {
    this.#resolverWatch.close()
  }

  async #refreshLeases(): Promise<void> {
    const leases = await this.#reader.read()
    if (leases === this.#leases) return
    this.#leases = leases
    this.#dirty = true
  }

  async #refreshRecords(): Promise<void> {
    const seen = await fingerprint(this.#config.resolverSocket)
    const due = performance.now() - this.#listed >= this.#listEvery
    if (this.#owned !== undefined && seen === this.#resolverSeen && !due) return
    this.#owned = undefined
    this.#count = 0
    const start = performance.now()
    const { resolverSocket } = this.#config
    const records = await listLocalData(resolverSocket, (record) => isRelevant(record, this.#space))
    this.#owned = ownedNames(records, this.#space)
    this.#count = countNames(this.#owned.records)
    this.#listed = performance.now()
    // A resolver with a huge list of blocked names takes long to recite it: ask it less often.
    this.#listEvery = Math.max(LIST_EVERY_MS, 200 * (this.#listed - start))
    this.#resolverSeen = seen
    this.#dirty = true
  }

  async #reconcile(owned: Owned, leases: readonly Lease[], now: number): Promise<void> {
    if (!this.#dirty && now < this.#nextExpiry) return
    const space = this.#space
    const names = desiredNames({
      leases,
      hostname: this.#hostname,
      reserved: new Set([...space.reserved, ...owned.foreignLabels]),
      reservedAddresses: space.reservedAddresses,
      ours: space.ours,
      holders: (await this.#store.load()) ?? labelsHeld(owned.records, leases, space.domain),
      now,
    })
    const desired = nameRecords(names.addresses, space.domain).filter((r) => !owned.foreign.has(r.name))
    const diff = diffNames(owned.records, desired)
    try {
      if (diff.remove.length > 0) await removeLocalData(this.#config.resolverSocket, diff.remove)
      if (diff.add.length > 0) await addLocalData(this.#config.resolverSocket, diff.add)
    } catch (error) {
      this.#owned = undefined
      throw error
    }
    this.#owned = { ...owned, records: desired }
    this.#count = names.addresses.size
    this.#nextExpiry = names.nextExpiry
    this.#dirty = false
    // Last, so that a full disk costs the memory of who had which name, and no name.
    await this.#store.save(names.holders)
  }
}

function countNames(records: readonly LocalRecord[]): number {
  return records.filter((record) => record.type === 'A').length
}

/** A predicate: is the IPv4 address in one of the prefixes, "10.0.0.0/24" each. */
function insideOf(prefixes: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const prefix of prefixes) {
    const [address = '', length = ''] = prefix.split('/')
    list.addSubnet(address, Number(length), 'ipv4')
  }
  return (address) => list.check(address, 'ipv4')
}
