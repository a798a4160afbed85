import type { Answer } from '../answers.ts'

/** Clients go on with an address for a while after its TTL (RFC 8767 names the resolvers that do). */
const SLACK_MS = 60_000
const LONGEST_MS = 86_400_000
/** Kept beyond its time, for records that are made late and for the answer "expired". */
const KEEP_MS = 3_600_000
/** An answer that is processed after the connection's first packet: both come over sockets of their own. */
const RACE_MS = 1000
/** Clocks are read in milliseconds, and the kernel's two stamps are some microseconds apart. */
const TICK_MS = 2
/**
 * Many names have one address, and a page asks for dozens of them before the first record of a connection that it opened is
 * made, minutes later.
 */
const NAMES_PER_ADDRESS = 64
const ADDRESSES_PER_CLIENT = 4096
/** Of its own that a device may be told something at: each is looked at for each of its connections. */
const ADDRESSES_OF_DEVICE = 256
const SWEEP_MS = 60_000

export interface Name {
  readonly name?: string
  /** 'expired': the name was asked for, and the answer was out of date when the connection began. */
  readonly status: 'asked' | 'expired' | 'none'
}

interface Given {
  readonly name: string
  readonly from: number
  readonly until: number
}

interface Client {
  /** By address, the one that was given longest ago first; of each the names, the one that was told first before the others. */
  readonly given: Map<string, readonly Given[]>
  readonly owner: string
}

/** The owner of every address of which nobody knows the device: they share what one device may have. */
const UNKNOWN = ''

export interface NamesOptions {
  /** Of answers in all: (client, address, name). */
  readonly limit?: number
  /** Which device an address belongs to: its MAC address. */
  ownerOf?(address: string): string | undefined
}

/**
 * What each device was told by DNS, and by that which name it meant by an address. Bounded: who has most makes room, so
 * that a device which asks for millions of names, from however many addresses of its own, takes nothing from others.
 */
export class Names {
  readonly #clients = new Map<string, Client>()
  /** Addresses of a device that were told something, the one that was told longest ago first. */
  readonly #owners = new Map<string, Set<string>>()
  readonly #limit: number
  readonly #ownerOf: (address: string) => string | undefined
  #size = 0
  #swept = 0
  /** Forgotten before their time. */
  evicted = 0

  constructor(options: NamesOptions = {}) {
    this.#limit = options.limit ?? 200_000
    this.#ownerOf = (address) => options.ownerOf?.(address)
  }

  get size(): number {
    return this.#size
  }

  add({ timeMs, client: address, name, addresses }: Answer): void {
    const client = this.#client(address)
    for (const { address: to, ttl } of addresses) {
      const until = timeMs + Math.min(ttl * 1000 + SLACK_MS, LONGEST_MS)
      const before = client.given.get(to)
      if (before) client.given.delete(to)
      const after = withAnswer(before ?? [], { name, from: timeMs, until })
      client.given.set(to, after)
      this.#size += after.length - (before?.length ?? 0)
      if (client.given.size > ADDRESSES_PER_CLIENT) this.#evict(client, 1)
    }
    if (timeMs - this.#swept > SWEEP_MS) this.#sweep(timeMs)
    if (this.#size > this.#limit) this.#makeRoom()
  }

  /** The name that the owner of an address meant by a destination, for a connection that began then. */
  find(client: string, destination: string, startMs: number): Name {
    const direct = this.#of(this.#clients.get(client), destination, startMs)
    if (direct.status === 'asked') return direct
    const owner = this.#ownerOf(client)
    let best = direct
    for (const address of owner === undefined ? [] : (this.#owners.get(owner) ?? [])) {
      if (address === client) continue
      const found = this.#of(this.#clients.get(address), destination, startMs)
      if (found.status === 'asked') return found
      if (best.status === 'none') best = found
    }
    return best
  }

  #client(address: string): Client {
    const owner = this.#ownerOf(address) ?? UNKNOWN
    let client = this.#clients.get(address)
    if (client?.owner !== owner) {
      if (client) this.#disown(address, client)
      client = { given: client?.given ?? new Map(), owner }
      this.#clients.set(address, client)
    }
    // Of unknown devices nobody looks at another address.
    if (owner !== UNKNOWN) this.#own(address, owner)
    return client
  }

  #own(address: string, owner: string): void {
    const addresses = this.#owners.get(owner)
    if (!addresses) {
      this.#owners.set(owner, new Set([address]))
      return
    }
    addresses.delete(address)
    addresses.add(address)
    if (addresses.size <= ADDRESSES_OF_DEVICE) return
    const [oldest] = addresses
    const client = oldest === undefined ? undefined : this.#clients.get(oldest)
    if (oldest === undefined || !client) return
    this.#evict(client, client.given.size)
    this.#forgetIfEmpty(oldest, client)
  }

  #disown(address: string, { owner }: Client): void {
    const addresses = this.#owners.get(owner)
    addresses?.delete(address)
    if (addresses?.size === 0) this.#owners.delete(owner)
  }

  #forgetIfEmpty(address: string, client: Client): void {
    if (client.given.size > 0) return
    this.#clients.delete(address)
    this.#disown(address, client)
  }

  #of(client: Client | undefined, destination: string, startMs: number): Name {
    const given = client?.given.get(destination) ?? []
    const earlier = given.filter(({ from }) => from <= startMs + TICK_MS)
    const valid = latest(earlier.filter(({ until }) => until >= startMs))
    if (valid) return { name: valid.name, status: 'asked' }
    const soon = given.find(({ from }) => from > startMs && from <= startMs + RACE_MS)
    if (soon) return { name: soon.name, status: 'asked' }
    const old = latest(earlier)
    return old ? { name: old.name, status: 'expired' } : { status: 'none' }
  }

  #evict(client: Client, count: number): void {
    for (const [address, names] of client.given) {
      if (count-- <= 0) return
      client.given.delete(address)
      this.#size -= names.length
      this.evicted += names.length
    }
  }

  /** Takes a quarter of what the device with most has, the oldest of each of its addresses. */
  #makeRoom(): void {
    const sizes = new Map<string, number>()
    for (const { owner, given } of this.#clients.values())
      sizes.set(
        owner,
        [...given.values()].reduce((sum, names) => sum + names.length, sizes.get(owner) ?? 0),
      )
    const [biggest] = [...sizes].reduce((most, one) => (one[1] > most[1] ? one : most))
    for (const [address, client] of this.#clients) {
      if (client.owner !== biggest) continue
      this.#evict(client, Math.ceil(client.given.size / 4))
      this.#forgetIfEmpty(address, client)
    }
  }

  #sweep(nowMs: number): void {
    this.#swept = nowMs
    for (const [address, client] of this.#clients) {
      for (const [to, given] of client.given) {
        const kept = given.filter(({ until }) => until + KEEP_MS > nowMs)
        if (kept.length === given.length) continue
        this.#size -= given.length - kept.length
        if (kept.length > 0) client.given.set(to, kept)
        else client.given.delete(to)
      }
      this.#forgetIfEmpty(address, client)
    }
  }
}

/** Who asks for a name again while its answer lasts is told the same for longer: that is one answer, and not one more. */
function withAnswer(before: readonly Given[], answer: Given): readonly Given[] {
  const { name, from, until } = answer
  const last = latest(before)
  const same = before.find((one) => one.name === name && one.from <= from && from <= one.until)
  if (same && last && (same === last || from < last.from))
    return before.map((one) => (one === same ? { ...one, until: Math.max(one.until, until) } : one))
  // The first stays when there are too many: what began before the others had some name, and is not "nobody asked".
  return [...before, answer].toSpliced(1, Math.max(0, before.length + 1 - NAMES_PER_ADDRESS))
}

function latest(given: readonly Given[]): Given | undefined {
  return given.reduce<Given | undefined>(
    (last, one) => (last && last.from > one.from ? last : one),
    undefined,
  )
}
