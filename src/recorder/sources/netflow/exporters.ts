import { Sequence } from './sequence.ts'
import type { Template } from './template.ts'

/*
 * What is remembered of exporters. Anyone who reaches the port may pretend to be thousands of them: everything here has a
 * limit, and those who never sent a record cannot push out those who did.
 */

/** Who sends: templates belong to an address and port (RFC 7011 section 8, RFC 3954 section 9). */
export interface Sender {
  readonly address: string
  readonly port: number
}

export interface Sampling {
  /** One of so many packets. */
  readonly interval: number
  /** IPFIX samplingAlgorithm. */
  readonly algorithm: number | undefined
}

/** A set whose template has not come yet, with its message's header. */
export interface HeldSet<Header> {
  readonly header: Header
  readonly templateKey: number
  readonly bytes: Buffer
  readonly since: number
}

const MAX_PROVEN = 64
const MAX_UNPROVEN = 32
const MAX_DOMAINS = 16
/** Fields of all templates of an exporter; the oldest templates go. */
export const MAX_FIELDS = 2048
/** Three times the slowest refresh that is common, 30 minutes (RFC 7011 section 8.4). */
const TEMPLATE_LIFETIME_MS = 90 * 60_000
const IDLE_MS = 2 * 60 * 60_000
const MAX_SAMPLERS = 64
const MAX_INTERFACES = 512
/** Bytes of sets that wait for their template, a set's own overhead included. */
const MAX_HELD_BYTES = 256 * 1024
const HELD_OVERHEAD = 256
const HELD_MS = 30 * 60_000

/** An observation domain (IPFIX), source ID (NetFlow v9) or engine (v5). */
export class Domain {
  readonly sequence = new Sequence()
  readonly samplers = new Map<number, Sampling>()
  readonly interfaceSamplings = new Map<number, Sampling>()
  /** What is said of all records. */
  sampling: Sampling | undefined
  /** systemInitTimeMilliseconds, to which IPFIX's times of system uptime are relative. */
  systemInitMs: number | undefined

  setSampler(id: number, sampling: Sampling): void {
    setBounded(this.samplers, id, sampling, MAX_SAMPLERS)
  }

  setInterfaceSampling(index: number, sampling: Sampling): void {
    setBounded(this.interfaceSamplings, index, sampling, MAX_SAMPLERS)
  }
}

export class Exporter<Header> {
  readonly address: string
  readonly interfaces = new Map<number, string>()
  readonly #templates = new Map<number, { readonly template: Template; readonly until: number }>()
  readonly #domains = new Map<string, Domain>()
  #held: HeldSet<Header>[] = []
  #heldBytes = 0
  #fields = 0
  lastSeen = 0

  constructor(address: string) {
    this.address = address
  }

  get templates(): number {
    return this.#templates.size
  }

  get held(): number {
    return this.#held.length
  }

  domain(version: number, id: number): Domain {
    const key = `${version}/${id}`
    const domain = this.#domains.get(key) ?? new Domain()
    setBounded(this.#domains, key, domain, MAX_DOMAINS)
    return domain
  }

  setInterface(index: number, name: string): void {
    setBounded(this.interfaces, index, name, MAX_INTERFACES)
  }

  /** Replaces a template or makes it last longer. */
  setTemplate(key: number, template: Template, nowMs: number): void {
    this.#removeTemplate(key)
    this.#templates.set(key, { template, until: nowMs + TEMPLATE_LIFETIME_MS })
    this.#fields += template.fields.length
    for (const oldest of this.#templates.keys()) {
      if (this.#fields <= MAX_FIELDS) break
      this.#removeTemplate(oldest)
    }
  }

  template(key: number, nowMs: number): Template | undefined {
    const entry = this.#templates.get(key)
    if (entry && entry.until < nowMs) this.#removeTemplate(key)
    else return entry?.template
    return undefined
  }

  #removeTemplate(key: number): void {
    const entry = this.#templates.get(key)
    if (!entry) return
    this.#fields -= entry.template.fields.length
    this.#templates.delete(key)
  }

  /** Keeps a copy of a set until its template comes; returns how many were given up for it. */
  hold(header: Header, templateKey: number, set: Buffer, nowMs: number): number {
    this.#held.push({ header, templateKey, bytes: Buffer.from(set), since: nowMs })
    this.#heldBytes += set.length + HELD_OVERHEAD
    let given = 0
    for (; this.#heldBytes > MAX_HELD_BYTES; given++) this.#heldBytes -= heldSize(this.#held.shift())
    return given
  }

  /** Takes out the sets that waited for this template; those that waited too long are `stale`. */
  release(
    templateKey: number,
    nowMs: number,
  ): { readonly sets: readonly HeldSet<Header>[]; readonly stale: number } {
    if (this.#held.length === 0) return { sets: [], stale: 0 }
    const waited = this.#held.filter((set) => set.templateKey === templateKey)
    if (waited.length === 0) return { sets: [], stale: 0 }
    this.#held = this.#held.filter((set) => set.templateKey !== templateKey)
    this.#heldBytes = this.#held.reduce((sum, set) => sum + heldSize(set), 0)
    const sets = waited.filter(({ since }) => nowMs - since <= HELD_MS)
    return { sets, stale: waited.length - sets.length }
  }
}

function heldSize(set: HeldSet<unknown> | undefined): number {
  return (set?.bytes.length ?? 0) + HELD_OVERHEAD
}

export class Exporters<Header> {
  readonly #proven = new Map<string, Exporter<Header>>()
  readonly #unproven = new Map<string, Exporter<Header>>()
  /** Sets that were held when their exporter was forgotten. */
  #lost = 0

  get(sender: Sender, nowMs: number): Exporter<Header> {
    const key = keyOf(sender)
    const map = this.#proven.has(key) ? this.#proven : this.#unproven
    const exporter = map.get(key) ?? new Exporter(sender.address)
    exporter.lastSeen = nowMs
    this.#put(map, key, exporter, map === this.#proven ? MAX_PROVEN : MAX_UNPROVEN)
    return exporter
  }

  /** Says that an exporter sent a record that could be read. */
  prove(sender: Sender): void {
    const key = keyOf(sender)
    const exporter = this.#unproven.get(key)
    if (!exporter) return
    this.#unproven.delete(key)
    this.#put(this.#proven, key, exporter, MAX_PROVEN)
  }

  /** Forgets exporters that have been silent for two hours. */
  expire(nowMs: number): void {
    for (const map of [this.#proven, this.#unproven]) {
      for (const [key, exporter] of map) {
        if (nowMs - exporter.lastSeen > IDLE_MS) this.#forget(map, key)
      }
    }
  }

  /** How many held sets were given up with their exporters since the last call. */
  takeLost(): number {
    const lost = this.#lost
    this.#lost = 0
    return lost
  }

  sizes(): { readonly exporters: number; readonly templates: number; readonly held: number } {
    const all = [...this.#proven.values(), ...this.#unproven.values()]
    return {
      exporters: all.length,
      templates: all.reduce((sum, exporter) => sum + exporter.templates, 0),
      held: all.reduce((sum, exporter) => sum + exporter.held, 0),
    }
  }

  /** The map's order is that of use: the first was silent for the longest time. */
  #put(map: Map<string, Exporter<Header>>, key: string, exporter: Exporter<Header>, max: number): void {
    map.delete(key)
    map.set(key, exporter)
    if (map.size <= max) return
    for (const oldest of map.keys()) {
      this.#forget(map, oldest)
      break
    }
  }

  #forget(map: Map<string, Exporter<Header>>, key: string): void {
    this.#lost += map.get(key)?.held ?? 0
    map.delete(key)
  }
}

function keyOf({ address, port }: Sender): string {
  return `${address} ${port}`
}

/** Sets the newest entry; beyond the limit the oldest goes. */
function setBounded<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= max) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    break
  }
}
