import type { Counts } from '../counters.ts'
import type { DeviceRecord } from '../records/device.ts'
import type { DhcpRecord } from '../records/dhcp.ts'
import type { EventRecord } from '../records/event.ts'
import type { ClientsFile } from './clients-file.ts'
import { advance, type Interval, isDue, isUnwritten } from './intervals.ts'
import { remember } from './known.ts'
import { leaseEvents } from './lease-events.ts'
import { newDevices } from './new-devices.ts'
import { type Neighbour, ownersOf } from './owners.ts'
import { deviceRecord } from './record.ts'
import { bucket, room } from './room.ts'
import { type DevicesState, NOTHING } from './state.ts'

/** Ended intervals that wait for the disk to take their records. */
const MOST_WAITING = 4096

/** What takes the records: true when taken, false when there is no room now. */
export interface Sink {
  device(epochMs: number, record: DeviceRecord): boolean
  dhcp(epochMs: number, record: DhcpRecord): boolean
  event(epochMs: number, record: EventRecord): boolean
  /** Resolves when what was taken is on the disk. */
  flush(): Promise<void>
}

export interface LedgerOptions {
  readonly sink: Sink
  readonly counts: Counts
  readonly vendorOf: (mac: string) => string | undefined
}

/** Turns what is seen of neighbours and leases into the current state and its records. */
export class DevicesLedger {
  readonly #options: LedgerOptions
  readonly #room = room()
  readonly #events = bucket(1024, 60)
  readonly #arrivals = bucket(512, 20)
  #state: DevicesState
  #waiting: Interval[] = []
  #refused = 0
  #arrived = 0

  constructor(options: LedgerOptions, state: DevicesState = NOTHING) {
    this.#options = options
    this.#state = state
  }

  /** Takes up what is so at `now`, milliseconds since 1970. */
  take(neighbours: readonly Neighbour[], clients: ClientsFile | undefined, now: number): void {
    const leases = clients === undefined ? this.#state.leases : this.#takeLeases(clients)
    const owners = ownersOf(neighbours, clients, now)
    const before = this.#state.open
    const { open, ended, refused } = advance(before, owners.values(), now, this.#room(before, now))
    this.#refused += refused
    const { vendorOf } = this.#options
    const intervals = [...ended, ...open.values()]
    this.#tellNew(newDevices(this.#state.known, intervals, vendorOf), now)
    const known = remember(this.#state.known, intervals, vendorOf)
    this.#state = { time: now, open, known, leases }
    this.#waiting.push(...ended)
    this.#waiting = this.#waiting.filter((interval) => !this.#write(interval, false))
    const lost = this.#waiting.length - MOST_WAITING
    if (lost > 0) {
      this.#waiting.splice(0, lost)
      this.#lose(lost)
    }
    this.#writeOpen(isDue)
  }

  /** Writes what is open as it is known now: the next start goes on from there, if it comes soon. */
  close(): void {
    this.#writeOpen(isUnwritten)
  }

  state(): DevicesState {
    return this.#state
  }

  details(): Readonly<Record<string, number>> {
    const { open, known } = this.#state
    return { devices: known.size, addresses: open.size, refused: this.#refused }
  }

  /** How many devices were new since the start: what is known of them should be kept soon, so that they stay known. */
  get arrived(): number {
    return this.#arrived
  }

  #tellNew(events: readonly EventRecord[], now: number): void {
    const { counts, sink } = this.#options
    for (const event of events) {
      counts.received += 1
      this.#arrived += 1
      if (!this.#arrivals(now) || !sink.event(Date.parse(event.time), event)) counts.dropped += 1
    }
  }

  #takeLeases({ leases, asOf }: ClientsFile): DevicesState['leases'] {
    const after = new Map(leases.map((lease) => [lease.address, lease]))
    for (const event of leaseEvents(this.#state.leases, after, asOf)) {
      const { counts, sink } = this.#options
      counts.received += 1
      if (!this.#events(asOf) || !sink.dhcp(Date.parse(event.time), event)) counts.dropped += 1
    }
    return after
  }

  #writeOpen(which: (interval: Interval) => boolean): void {
    const open = new Map(this.#state.open)
    for (const [key, interval] of open) {
      if (which(interval) && this.#write(interval, true))
        open.set(key, { ...interval, written: interval.until })
    }
    this.#state = { ...this.#state, open }
  }

  #write(interval: Interval, open: boolean): boolean {
    const { sink, counts, vendorOf } = this.#options
    const taken = sink.device(interval.from, deviceRecord(interval, open, vendorOf(interval.macAddress)))
    if (taken) counts.received += 1
    return taken
  }

  #lose(count: number): void {
    this.#options.counts.received += count
    this.#options.counts.dropped += count
  }
}
