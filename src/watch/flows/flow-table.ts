import { type Conntrack, type Counts, conntrackOf } from './conntrack-decode.ts'
import type { ConntrackScan } from './conntrack-scan.ts'
import { FIELD, LiveFlows } from './live-flows.ts'

/** IPFIX element 136. */
export const END_REASON = { idle: 1, active: 2, ended: 3, forced: 4, lack: 5 } as const

/** States of TCP in which one side at least has said that it is done, or reset the connection. */
const CLOSING: ReadonlySet<string | undefined> = new Set([
  'FIN_WAIT',
  'CLOSE_WAIT',
  'LAST_ACK',
  'TIME_WAIT',
  'CLOSE',
])

/** A connection or a part of one: what a record is made of. */
export interface FlowPart {
  /** The same for each part of a connection, and for no other that lives. */
  readonly key: number
  readonly conntrack: Conntrack
  /** What was not in a record before. */
  readonly delta: Counts
  readonly startMicros: number
  readonly endMicros: number
  readonly endReason: (typeof END_REASON)[keyof typeof END_REASON]
}

/** How much of a connection is in records: what a restart must not forget. */
export interface Recorded {
  readonly key: number
  readonly startMicros: number
  readonly counts: Counts
}

export interface FlowTableOptions {
  readonly maxFlows: number
  readonly activeTimeoutMs: number
  emit(part: FlowPart): void
  /** From before a restart. */
  readonly recorded?: readonly Recorded[]
}

/** Who asks again and again makes no more records than these. */
const ASKED_AGE_MS = 10_000
const NOTHING: Counts = { originalPackets: 0, originalBytes: 0, replyPackets: 0, replyBytes: 0 }

/**
 * What became of each connection. The kernel's message about an end has all that a record needs, so that a connection
 * that lives shortly is exact even if nothing else was heard of it; live ones are kept for the records of long ones, whose
 * counts add up to the kernel's, and to notice one whose end was never told.
 */
export class FlowTable {
  readonly #options: FlowTableOptions
  readonly #live: LiveFlows
  readonly #before: Map<number, Recorded>
  /** Ended while a list is being made, which may still tell of them. */
  #ended: Set<number> | undefined
  /** Connections whose end was not told: they have a record with the counts that were last seen. */
  lost = 0
  /** Had parts in records, and were gone after a restart. */
  lostInRestart = 0
  /** Messages without counts: net.netfilter.nf_conntrack_acct was off. */
  uncounted = 0

  constructor(options: FlowTableOptions) {
    this.#options = options
    this.#live = new LiveFlows(options.maxFlows)
    this.#before = new Map((options.recorded ?? []).map((one) => [one.key, one]))
  }

  get size(): number {
    return this.#live.size
  }

  /** A connection that began. */
  created(bytes: Buffer, scan: ConntrackScan, nowMicros: number): void {
    if (this.#live.find(scan.key) === undefined) this.#add(bytes, scan, nowMicros)
  }

  /** A connection that ended; `forced` when a program ended it (the message has its port id). */
  destroyed(bytes: Buffer, scan: ConntrackScan, forced: boolean, nowMicros: number): void {
    const slot = this.#find(scan)
    const conntrack = conntrackOf(bytes, scan)
    if (conntrack) {
      if (!conntrack.counts) this.uncounted += 1
      const recorded = slot === undefined ? this.#takeBefore(scan) : this.#recordedOf(slot)
      const firstSeen = slot === undefined ? nowMicros : this.#live.get(slot, FIELD.start)
      this.#options.emit({
        key: scan.key,
        conntrack,
        delta: minus(conntrack.counts ?? recorded, recorded),
        startMicros: conntrack.startMicros ?? firstSeen,
        endMicros: conntrack.stopMicros ?? nowMicros,
        endReason: reasonOf(forced, conntrack.tcpState),
      })
    }
    this.#live.remove(scan.key)
    this.#ended?.add(scan.key)
  }

  /** Before a list; `endUnseen` or `listFailed` comes after it. */
  listBegins(): void {
    this.#ended = new Set()
  }

  listFailed(): void {
    this.#ended = undefined
  }

  /**
   * A connection in a list of all. Makes a record when the last is older than the active timeout and something was sent
   * since. `asked`: somebody wants to know now; then a connection without a record gets one, others when theirs is old.
   */
  listed(bytes: Buffer, scan: ConntrackScan, nowMicros: number, asked = false): void {
    let slot = this.#find(scan)
    if (slot === undefined) {
      if (this.#ended?.has(scan.key)) return
      slot = this.#add(bytes, scan, nowMicros)
      if (slot === undefined) return
      const recorded = this.#takeBefore(scan)
      if (recorded !== NOTHING) this.#setRecorded(slot, recorded, nowMicros)
    }
    const live = this.#live
    live.set(slot, FIELD.seen, nowMicros)
    live.set(slot, FIELD.tcpState, scan.tcpState)
    if (scan.startMicros > 0) live.set(slot, FIELD.start, scan.startMicros)
    if (scan.originalBytes < 0 || scan.replyBytes < 0) {
      this.uncounted += 1
      return
    }
    live.set(slot, FIELD.originalPackets, scan.originalPackets)
    live.set(slot, FIELD.originalBytes, scan.originalBytes)
    live.set(slot, FIELD.replyPackets, scan.replyPackets)
    live.set(slot, FIELD.replyBytes, scan.replyBytes)
    const isNew = live.get(slot, FIELD.recordedOriginalPackets) === 0
    const age = (nowMicros - live.get(slot, FIELD.recorded)) / 1000
    const { activeTimeoutMs } = this.#options
    const due = age >= (asked ? Math.min(ASKED_AGE_MS, activeTimeoutMs) : activeTimeoutMs) || (asked && isNew)
    if (due) this.#recordPart(scan.key, slot, nowMicros, END_REASON.active)
  }

  /**
   * After a whole list: connections that were last known to be alive before `sinceMicros` ended without a word. Give the
   * beginning of the list before the last, since a list that is made while connections come and go may leave one out.
   */
  endUnseen(sinceMicros: number): void {
    this.#ended = undefined
    for (const [key, slot] of this.#live.entries()) {
      if (this.#live.get(slot, FIELD.seen) < sinceMicros) this.#lose(key, slot)
    }
  }

  /** After two whole lists: what had records before the restart and is not there any more. */
  forgetBefore(): void {
    this.lostInRestart += this.#before.size
    this.#before.clear()
  }

  /** What a restart must not forget. */
  *recorded(): Generator<Recorded> {
    for (const [key, slot] of this.#live.entries()) {
      const counts = this.#recordedOf(slot)
      if (counts.originalPackets === 0 && counts.replyPackets === 0) continue
      yield { key, startMicros: this.#live.get(slot, FIELD.start), counts }
    }
    yield* this.#before.values()
  }

  /**
   * The connection of a message, if it is live. When its end was missed, another one between the same ports, as of NTP,
   * may have got its id: that one began at another time.
   */
  #find(scan: ConntrackScan): number | undefined {
    const live = this.#live
    const slot = live.find(scan.key)
    if (slot === undefined || scan.startMicros < 0) return slot
    // Only lists tell when a live one began.
    const isKnown = live.get(slot, FIELD.originalPackets) > 0
    if (!isKnown || live.get(slot, FIELD.start) === scan.startMicros) return slot
    this.#lose(scan.key, slot)
    return undefined
  }

  #lose(key: number, slot: number): void {
    this.lost += 1
    this.#recordPart(key, slot, this.#live.get(slot, FIELD.seen), END_REASON.lack)
    this.#live.remove(key)
  }

  #add(bytes: Buffer, scan: ConntrackScan, nowMicros: number): number | undefined {
    const slot = this.#live.add(bytes, scan)
    if (slot === undefined) return undefined
    const start = scan.startMicros > 0 ? scan.startMicros : nowMicros
    this.#live.set(slot, FIELD.start, start)
    this.#live.set(slot, FIELD.recorded, start)
    this.#live.set(slot, FIELD.seen, nowMicros)
    this.#live.set(slot, FIELD.tcpState, scan.tcpState)
    return slot
  }

  #recordPart(key: number, slot: number, endMicros: number, endReason: FlowPart['endReason']): void {
    const { bytes, scan } = this.#live.scanOf(slot)
    const conntrack = conntrackOf(bytes, scan)
    const counts = conntrack?.counts
    if (!conntrack || !counts) return
    const delta = minus(counts, this.#recordedOf(slot))
    const idle = delta.originalPackets === 0 && delta.replyPackets === 0
    // A connection that goes on and sends nothing has nothing to add; its end is told in any case.
    if (idle && endReason === END_REASON.active) return
    this.#setRecorded(slot, counts, endMicros)
    const startMicros = this.#live.get(slot, FIELD.start)
    this.#options.emit({ key, conntrack, delta, startMicros, endMicros, endReason })
  }

  #recordedOf(slot: number): Counts {
    const live = this.#live
    return {
      originalPackets: live.get(slot, FIELD.recordedOriginalPackets),
      originalBytes: live.get(slot, FIELD.recordedOriginalBytes),
      replyPackets: live.get(slot, FIELD.recordedReplyPackets),
      replyBytes: live.get(slot, FIELD.recordedReplyBytes),
    }
  }

  #setRecorded(slot: number, counts: Counts, nowMicros: number): void {
    const live = this.#live
    live.set(slot, FIELD.recorded, nowMicros)
    live.set(slot, FIELD.recordedOriginalPackets, counts.originalPackets)
    live.set(slot, FIELD.recordedOriginalBytes, counts.originalBytes)
    live.set(slot, FIELD.recordedReplyPackets, counts.replyPackets)
    live.set(slot, FIELD.recordedReplyBytes, counts.replyBytes)
  }

  /** What was in records before a restart. A connection with another start is another one. */
  #takeBefore(scan: ConntrackScan): Counts {
    if (this.#before.size === 0) return NOTHING
    const before = this.#before.get(scan.key)
    if (!before) return NOTHING
    this.#before.delete(scan.key)
    const same = scan.startMicros < 0 || scan.startMicros === before.startMicros
    if (!same) this.lostInRestart += 1
    return same ? before.counts : NOTHING
  }
}

/** Never below zero: who resets the kernel's counters takes them from nobody. */
function minus(counts: Counts, recorded: Counts): Counts {
  return {
    originalPackets: Math.max(0, counts.originalPackets - recorded.originalPackets),
    originalBytes: Math.max(0, counts.originalBytes - recorded.originalBytes),
    replyPackets: Math.max(0, counts.replyPackets - recorded.replyPackets),
    replyBytes: Math.max(0, counts.replyBytes - recorded.replyBytes),
  }
}

function reasonOf(forced: boolean, tcpState: string | undefined): FlowPart['endReason'] {
  if (forced) return END_REASON.forced
  return CLOSING.has(tcpState) ? END_REASON.ended : END_REASON.idle
}
