import { setTimeout as sleep } from 'node:timers/promises'
import { describe, log } from '../../recorder/log.ts'
import type { MackerelApi, Outcome } from './api.ts'
import type { PostFigures } from './custom-metrics.ts'
import { type Identity, identify } from './identity.ts'
import type { MackerelSettings } from './settings.ts'
import { announceGraphs, makeMonitors } from './setup.ts'
import type { Point, Spool } from './spool.ts'

/** Of a request: some minutes of a whole router. No limit is documented, and a fault costs no more than this. */
const MAX_VALUES = 2000
const MAX_POINTS = 15
/** Between requests while it catches up. */
const PAUSE_MS = 1000
const FIRST_WAIT_MS = 1000
const STOP_MS = 5000
/** mackerel-agent tells what the host is like once an hour (mackerel.io/docs/entry/spec/agent). */
const IDENTIFY_MS = 3_600_000

/** How posting gets on, for the status. */
export interface PosterStatus extends PostFigures {
  readonly state: 'up' | 'waiting'
  readonly hostId?: string
  /** Points that Mackerel took since the process started. */
  readonly posted: number
  /** Why points wait, or what of the rest was refused. */
  readonly problem?: string
}

/**
 * Posts what is in the spool, oldest first, as long as there is something; after a failure it waits, longer each time, and
 * keeps what waits on the disk. What Mackerel refuses is given up, point by point, and counted.
 */
export class Poster {
  readonly #api: MackerelApi
  readonly #settings: MackerelSettings
  readonly #spool: Spool
  readonly #onChange: () => void
  readonly #stop = new AbortController()
  #wake: (() => void) | undefined
  #hostId: string | undefined
  #identifiedAt = Number.NEGATIVE_INFINITY
  #setUp = false
  #failures = 0
  #posted = 0
  #refused = 0
  /** So many points of the front are posted each alone: one of them is refused. */
  #alone = 0
  #waits: string | undefined
  #setupProblem: string | undefined
  readonly #done: Promise<void>

  /** `onChange` hears that the status is another. */
  constructor(api: MackerelApi, settings: MackerelSettings, spool: Spool, onChange: () => void) {
    this.#api = api
    this.#settings = settings
    this.#spool = spool
    this.#onChange = onChange
    this.#done = this.#run()
  }

  /** Something was added to the spool. */
  poke(): void {
    this.#wake?.()
  }

  status(): PosterStatus {
    const problem = this.#waits ?? this.#setupProblem
    return {
      state: this.#waits === undefined ? 'up' : 'waiting',
      ...(this.#hostId !== undefined && { hostId: this.#hostId }),
      posted: this.#posted,
      waiting: this.#spool.size,
      givenUp: this.#spool.givenUp,
      refused: this.#refused,
      ...(problem !== undefined && { problem }),
    }
  }

  /** Brings what waits to the disk, and ends after what is under way unless that takes long. */
  async stop(): Promise<void> {
    this.#stop.abort()
    this.#wake?.()
    await this.#spool.save()
    await Promise.race([this.#done, sleep(STOP_MS)])
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (this.#spool.size === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      // What a server says may be anything, and a disk may refuse: no reason to end.
      const outcome = await this.#step().catch(
        (error: unknown): Outcome => ({ kind: 'later', reason: describe(error) }),
      )
      if (outcome.kind === 'later') await this.#pause(outcome)
      else {
        if (this.#waits !== undefined) log('works', 'posting works again')
        this.#failures = 0
        this.#waits = undefined
        this.#onChange()
        if (this.#spool.size > 0) await this.#sleep(PAUSE_MS)
      }
    }
  }

  async #pause({ reason, afterSecs }: Extract<Outcome, { kind: 'later' }>): Promise<void> {
    this.#failures += 1
    this.#waits = reason
    await this.#spool.save()
    this.#onChange()
    const ceiling = Math.min(this.#settings.intervalSecs * 1000, FIRST_WAIT_MS * 2 ** (this.#failures - 1))
    // Half of it is chance, so that many routers do not come back at once.
    const wait = Math.max(ceiling * (0.5 + Math.random() / 2), (afterSecs ?? 0) * 1000)
    log('post', `cannot post: ${reason}; ${this.#spool.size} points wait`)
    await this.#sleep(wait)
  }

  /** One request with points, and before it whatever has to be done first. */
  async #step(): Promise<Outcome> {
    const identity = await this.#identity()
    if (identity.kind !== 'known') return later(identity)
    const setup = await this.#setup()
    if (setup?.kind === 'later') return setup
    const points = this.#chosen(await this.#spool.oldest(this.#alone > 0 ? 1 : MAX_POINTS))
    if (points.length === 0) return { kind: 'done', body: {} }
    const values = points.flatMap(({ time, values }) =>
      Object.entries(values).map(([name, value]) => ({ hostId: identity.hostId, name, time, value })),
    )
    const outcome = await this.#api.request('POST', '/api/v0/tsdb', values)
    const times = points.map(({ time }) => time)
    if (outcome.kind === 'later') return outcome
    if (outcome.kind === 'refused' && points.length > 1) {
      this.#alone = points.length
      return outcome
    }
    if (outcome.kind === 'refused') {
      // Perhaps it is the host that is gone.
      this.#hostId = undefined
      const now = await this.#identity()
      if (now.kind !== 'known') return later(now)
      if (now.hostId !== identity.hostId) return { kind: 'done', body: {} }
      this.#refused += points.length
      this.#setupProblem = outcome.reason
      log('refused', `given up, as Mackerel does not take it: ${outcome.reason}`)
    } else this.#posted += points.length
    this.#alone = Math.max(0, this.#alone - 1)
    await this.#spool.remove(times)
    return outcome
  }

  async #identity(): Promise<Identity> {
    const recent = performance.now() - this.#identifiedAt < IDENTIFY_MS
    if (this.#hostId !== undefined && recent) return { kind: 'known', hostId: this.#hostId }
    const identity = await identify(this.#api, this.#settings).catch(
      (error: unknown): Identity => ({
        kind: 'later',
        reason: `who this host is cannot be kept: ${String(error)}`,
      }),
    )
    if (identity.kind === 'known') {
      this.#hostId = identity.hostId
      this.#identifiedAt = performance.now()
    }
    return identity
  }

  /** Graphs and monitors, once. What is refused of them is said, and points go on. */
  async #setup(): Promise<Outcome | undefined> {
    if (this.#setUp) return undefined
    const steps = [announceGraphs, ...(this.#settings.monitors ? [makeMonitors] : [])]
    for (const step of steps) {
      const outcome = await step(this.#api, this.#settings)
      if (outcome.kind === 'later') return outcome
      if (outcome.kind === 'refused') {
        this.#setupProblem = outcome.reason
        log('setup', outcome.reason)
      }
    }
    this.#setUp = true
    return undefined
  }

  /** As many of the points as one request should have. */
  #chosen(points: readonly Point[]): Point[] {
    let count = 0
    return points.filter((point, i) => {
      count += Object.keys(point.values).length
      return i === 0 || count <= MAX_VALUES
    })
  }

  async #sleep(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#stop.signal }).catch(() => undefined)
  }
}

/** Without a host nothing can be posted: what Mackerel refuses there has to be mended, and nothing is given up for it. */
function later(outcome: Exclude<Identity, { kind: 'known' }>): Extract<Outcome, { kind: 'later' }> {
  return outcome.kind === 'later' ? outcome : { kind: 'later', reason: outcome.reason }
}
