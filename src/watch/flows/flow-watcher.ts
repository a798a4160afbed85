import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { conntrackFigures } from './conntrack-figures.ts'
import { type ConntrackEvents, ConntrackSocket, listConntrack } from './conntrack-socket.ts'
import type { Destinations } from './destinations.ts'
import { flowRecord, type Setting } from './flow-record.ts'
import { END_REASON, type FlowPart, FlowTable } from './flow-table.ts'
import { readState, type SavedFlow, writeState } from './state-file.ts'
import type { Place } from './zones.ts'

export interface FlowWatcherOptions {
  readonly activeTimeoutMs: number
  readonly statePath: string
  readonly destinations: Destinations
  placeOf(address: string): Place
  /** Takes a record without waiting, with what it was made of. */
  take(record: ReturnType<typeof flowRecord>, part: FlowPart, setting: Setting): void
  /** What was taken should be on its way now: after a crash it counts as recorded. */
  sendSoon(): void
  say(message: string): void
  /** Of the socket's buffer, in bytes: tests make it small. */
  readonly receiveBytes?: number
}

const POLL_MS = 200
const GATHER_MS = 10
const LONGEST_LIST_MS = 60_000
const SHORTEST_LIST_MS = 1000
/** After a gap: a second list, by which is known what ended in it. */
const AFTER_GAP_MS = 10_000
const UNDRAINED_MS = 5000
const UNDRAINED_FULL_MS = 1000
/** For the kernel to let go of what it kept for a socket that was closed: 4 s were seen. */
const LET_GO_MS = 4000
const MOST_FLOWS = 262_144
const LOOPBACK = /^(127\.|::1$)/

/**
 * From connection tracking to records. Reading waits for nothing: while this does not read, the kernel keeps what ended,
 * and when it keeps too much, the socket is closed and what was missed is found by a list.
 */
export class FlowWatcher {
  readonly #options: FlowWatcherOptions
  readonly #table: FlowTable
  readonly #handlers: ConntrackEvents
  #socket: ConntrackSocket
  #stopped = false
  #drainedAt = performance.now()
  /** Parts of long connections that wait until the state is written. */
  #held: FlowPart[] | undefined
  #lists = 0
  /** When the last whole list began, and when something was missed last: microseconds since 1970. */
  #listedAt: number | undefined
  #missedAt = 0
  #wakeLister: (() => void) | undefined
  /** Who waits for a list that records what is open. */
  #asking: (() => void)[] = []
  readonly #before = { events: 0, overruns: 0, malformed: 0 }
  readonly #work: Promise<unknown>
  #gaps = 0
  #state = 'up'
  records = 0

  private constructor(options: FlowWatcherOptions) {
    this.#options = options
    const saved = readState(options.statePath)
    // Who wrote it ended, and heard nothing until now.
    if (saved) this.#gaps = 1
    for (const { key, destination } of saved ?? [])
      if (destination) options.destinations.keep(key, destination)
    this.#table = new FlowTable({
      maxFlows: Math.min(MOST_FLOWS, Math.max(1024, conntrackFigures().max)),
      activeTimeoutMs: options.activeTimeoutMs,
      recorded: saved ?? [],
      emit: (part) => {
        if (this.#held && part.endReason === END_REASON.active) this.#held.push(part)
        else this.#record(part)
      },
    })
    this.#handlers = {
      created: (bytes, scan) => this.#table.created(bytes, scan, nowMicros()),
      destroyed: (bytes, scan, forced) => this.#table.destroyed(bytes, scan, forced, nowMicros()),
    }
    // Before the first list: what ends after it was made is heard of.
    this.#socket = ConntrackSocket.open(options.receiveBytes)
    this.#work = Promise.all([this.#read(), this.#list()])
  }

  /** Starts at once; throws when the socket cannot be opened. */
  static start(options: FlowWatcherOptions): FlowWatcher {
    return new FlowWatcher(options)
  }

  /** "up", or what went wrong. */
  get state(): string {
    return this.#state
  }

  counts(): Readonly<Record<string, number>> {
    const { events, overruns, malformed } = this.#socket
    return {
      events: this.#before.events + events,
      gaps: this.#gaps + this.#before.overruns + overruns,
      overruns: this.#before.overruns + overruns,
      malformed: this.#before.malformed + malformed,
      records: this.records,
      live: this.#table.size,
      lost: this.#table.lost,
      lostInRestart: this.#table.lostInRestart,
      uncounted: this.#table.uncounted,
      undrainedMs: Math.max(0, Math.round(performance.now() - this.#drainedAt - POLL_MS)),
    }
  }

  /** Makes records of the connections that are open: resolves when that was done, or was tried. */
  recordNow(): Promise<void> {
    return new Promise((resolve) => {
      this.#asking.push(resolve)
      this.#wakeLister?.()
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#wakeLister?.()
    await this.#work
    for (const done of this.#asking.splice(0)) done()
    this.#socket.close()
    this.#save()
  }

  async #read(): Promise<void> {
    while (!this.#stopped) {
      try {
        const ready = await this.#socket.wait(POLL_MS)
        // Waking up for each message would cost more than the messages do.
        if (ready) await sleep(GATHER_MS)
        const before = this.#socket.overruns
        while (!this.#socket.read(this.#handlers) && !this.#stopped) {
          if (this.#mustLetGo()) await this.#reopen('was not read in time')
          await nextTurn()
        }
        this.#drainedAt = performance.now()
        if (this.#socket.overruns > before) this.#missed()
      } catch (error) {
        await this.#reopen(text(error))
      }
    }
  }

  /** Reliable delivery must not make connection tracking full: a socket that cannot be read empty is given up. */
  #mustLetGo(): boolean {
    const undrained = performance.now() - this.#drainedAt
    if (undrained < UNDRAINED_FULL_MS) return false
    if (undrained > UNDRAINED_MS) return true
    const { count, max } = conntrackFigures()
    return count * 2 > max
  }

  async #reopen(why: string): Promise<void> {
    const { events, overruns, malformed } = this.#socket
    this.#before.events += events
    this.#before.overruns += overruns
    this.#before.malformed += malformed
    this.#socket.close()
    this.#gaps += 1
    this.#options.say(`the socket of connection tracking is opened anew, since it ${why}`)
    await sleep(LET_GO_MS)
    this.#socket = ConntrackSocket.open(this.#options.receiveBytes)
    this.#drainedAt = performance.now()
    this.#missed()
  }

  #missed(): void {
    this.#missedAt = nowMicros()
    this.#wakeLister?.()
  }

  async #list(): Promise<void> {
    const { activeTimeoutMs } = this.#options
    const usual = Math.min(LONGEST_LIST_MS, Math.max(SHORTEST_LIST_MS, activeTimeoutMs / 5))
    while (!this.#stopped) {
      const asking = this.#asking.splice(0)
      try {
        await this.#listOnce(asking.length > 0)
        this.#state = 'up'
      } catch (error) {
        this.#table.listFailed()
        this.#state = text(error)
        this.#options.say(`connections cannot be listed: ${this.#state}`)
      } finally {
        this.#release()
        for (const done of asking) done()
      }
      const missedLately = nowMicros() - this.#missedAt < 2 * AFTER_GAP_MS * 1000
      await this.#pause(missedLately || this.#lists < 2 ? Math.min(AFTER_GAP_MS, usual) : usual)
    }
  }

  /** Sleeps, until something was missed or somebody asks, at the earliest after a second. */
  async #pause(ms: number): Promise<void> {
    await sleep(Math.min(ms, SHORTEST_LIST_MS))
    if (this.#stopped || this.#asking.length > 0 || ms <= SHORTEST_LIST_MS) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms - SHORTEST_LIST_MS)
      this.#wakeLister = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wakeLister = undefined
  }

  async #listOnce(asked: boolean): Promise<void> {
    const began = nowMicros()
    this.#held = []
    this.#table.listBegins()
    await listConntrack((bytes, scan) => this.#table.listed(bytes, scan, nowMicros(), asked))
    // An end that was not told yet, since the socket was full, is not one that never will be.
    const last = this.#listedAt !== undefined && this.#listedAt > this.#missedAt ? this.#listedAt : 0
    this.#table.endUnseen(last)
    this.#listedAt = began
    this.#lists += 1
    if (this.#lists === 2) this.#table.forgetBefore()
  }

  /** Writes the state, and hands on what waited for it. */
  #release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const part of held) this.#setting(part)
    this.#save()
    for (const part of held) this.#record(part)
    if (held.length > 0) this.#options.sendSoon()
  }

  #save(): void {
    try {
      writeState(this.#options.statePath, this.#saved())
    } catch (error) {
      this.#options.say(`cannot write ${this.#options.statePath}: ${text(error)}`)
    }
  }

  *#saved(): Generator<SavedFlow> {
    for (const one of this.#table.recorded()) {
      const destination = this.#options.destinations.kept(one.key)
      yield destination ? { ...one, destination } : one
    }
  }

  #record(part: FlowPart): void {
    // What programs of this machine say to each other concerns no network.
    if (LOOPBACK.test(part.conntrack.original.source)) return
    const setting = this.#setting(part)
    this.records += 1
    this.#options.take(flowRecord(part, setting, Date.now()), part, setting)
  }

  #setting(part: FlowPart): Setting {
    const { original, reply } = part.conntrack
    const source = this.#options.placeOf(original.source)
    const destination = this.#options.placeOf(reply.source)
    return { source, destination, name: this.#options.destinations.find(part, source, destination) }
  }
}

function nowMicros(): number {
  return Date.now() * 1000
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
