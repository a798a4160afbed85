import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { cleanLabel } from '../router/names.ts'
import type { Lease } from './lease.ts'
import type { LocalRecord } from './local-data.ts'
import { writeAtomic } from './write-atomic.ts'

const MAX_BYTES = 4 * 1024 * 1024

/**
 * Remembers which client holds which name, across restarts and power cuts: else a client could take another's name
 * by being first after one. Its file is a JSON object label → client.
 */
export class HolderStore {
  readonly #path: string
  #holders: ReadonlyMap<string, string> | undefined
  #loaded = false
  #onDisk: string | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** The holders, or undefined when nothing (readable) was ever saved. */
  async load(): Promise<ReadonlyMap<string, string> | undefined> {
    if (this.#loaded) return this.#holders
    const text = await readFile(this.#path, 'utf8').catch(() => undefined)
    this.#holders = text === undefined ? undefined : parseHolders(text)
    this.#onDisk = text
    this.#loaded = true
    return this.#holders
  }

  /** Keeps them in memory, and on disk when they differ from what is there. Throws on a full or read-only disk. */
  async save(holders: ReadonlyMap<string, string>): Promise<void> {
    this.#holders = holders
    this.#loaded = true
    const text = serialise(holders)
    if (text === this.#onDisk) return
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    await writeAtomic(this.#path, text, { mode: 0o600, durable: true })
    this.#onDisk = text
  }
}

/** label → client from the store's file; undefined for anything but an object of strings. */
export function parseHolders(text: string): Map<string, string> | undefined {
  if (text.length > MAX_BYTES) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    const entries = Object.entries(value)
    return entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')
      ? new Map(entries)
      : undefined
  } catch {
    return undefined
  }
}

/** Without a memory, what the resolver says now: the client whose lease has the address that the name points to. */
export function labelsHeld(
  records: readonly LocalRecord[],
  leases: readonly Lease[],
  domain: string,
): Map<string, string> {
  const byAddress = new Map(leases.map((lease) => [lease.address, lease]))
  const held = new Map<string, string>()
  for (const record of records) {
    const lease = record.type === 'A' ? byAddress.get(record.data) : undefined
    const label = lease === undefined ? undefined : cleanLabel(lease.hostname)
    if (lease !== undefined && label !== undefined && record.name === `${label}.${domain}.`) {
      held.set(label, lease.client)
    }
  }
  return held
}

function serialise(holders: ReadonlyMap<string, string>): string {
  return `${JSON.stringify(Object.fromEntries([...holders].sort(([a], [b]) => (a < b ? -1 : 1))))}\n`
}
