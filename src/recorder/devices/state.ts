import { type Lease, parseLease } from './clients-file.ts'
import type { Interval, Intervals } from './intervals.ts'
import type { KnownDevice, KnownDevices } from './known.ts'
import type { Leases } from './lease-events.ts'
import { ownerKey } from './owners.ts'

/**
 * What the devices source knows: <data>/state/devices.json, from which it goes on after a restart, and each minute
 * devices.json beside the recorder's status, for whoever asks now.
 */
export interface DevicesState {
  /** When it was so: milliseconds since 1970. */
  readonly time: number
  readonly open: Intervals
  readonly known: KnownDevices
  readonly leases: Leases
}

export const NOTHING: DevicesState = { time: 0, open: new Map(), known: new Map(), leases: new Map() }

export function serialiseState({ time, open, known, leases }: DevicesState): string {
  const lists = { open: [...open.values()], known: [...known.values()], leases: [...leases.values()] }
  return `${JSON.stringify({ version: 1, time, ...lists })}\n`
}

/** Reads a state; throws on a text that is none. */
export function parseState(text: string): DevicesState {
  const state = JSON.parse(text) as Partial<Record<string, unknown>> | null
  const { version, time, open, known, leases } = state ?? {}
  const lists = [open, known, leases].every((list) => Array.isArray(list))
  if (version !== 1 || typeof time !== 'number' || !lists) throw new Error('not a state of the devices')
  // Our own file, replaced atomically: its entries are what we wrote.
  return {
    time,
    open: keyed(open as Interval[], ownerKey),
    known: keyed(known as KnownDevice[], ({ macAddress }) => macAddress),
    leases: keyed((leases as Record<string, unknown>[]).map(parseLease), ({ address }: Lease) => address),
  }
}

function keyed<T>(list: readonly T[], key: (one: T) => string): Map<string, T> {
  return new Map(list.map((one) => [key(one), one]))
}
