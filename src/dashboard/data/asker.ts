import type { Place } from '../../recorder/query/place.ts'
import { QueryProblem } from '../../recorder/query/problem.ts'
import { Session } from '../../recorder/query/session.ts'
import { DataProblem } from '../data-problem.ts'

export interface AskerOptions {
  readonly place: Place
  /** So long an answer may take, the time in which others are answered included. */
  readonly deadlineMs?: number
  /** So many may wait. */
  readonly maxWaiting?: number
}

/** Milliseconds since 1970. What is left out is all there is. */
export interface Times {
  readonly fromMs?: number
  readonly toMs?: number
}

/** Does its statements, all over the same state of the records. */
export type Work<T> = (session: Session) => Promise<T>

interface Job {
  readonly run: () => Promise<void>
}

const MiB = 2 ** 20
/** What is left of the container's 200 MB when Node has its share. */
const LIMITS = {
  timeoutMs: 60_000,
  memoryBytes: 56 * MiB,
  temporaryBytes: 1024 * MiB,
  threads: 2,
  small: true,
}
/** A session that nobody needed for so long is closed, and its memory is free. */
const IDLE_MS = 10 * 60_000
/** DuckDB remembers names of files for as long as it runs. */
const LIFE_MS = 6 * 3_600_000

/**
 * One session over the records, which answers one after the other. Who waits is told when there are too many, and whoever
 * is gone is not answered.
 */
export class Asker {
  readonly #options: Required<AskerOptions>
  readonly #waiting = new Set<Job>()
  #session: { readonly opened: Promise<Session>; readonly atMs: number } | undefined
  #running: Promise<void> | undefined
  #idle: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: AskerOptions) {
    this.#options = { deadlineMs: 20_000, maxWaiting: 24, ...options }
  }

  /** Answers a question about a time. Rejects with the signal's reason when that comes first. */
  ask<T>(times: Times, signal: AbortSignal | undefined, work: Work<T>): Promise<T> {
    const { deadlineMs, maxWaiting } = this.#options
    if (this.#closed || this.#waiting.size >= maxWaiting)
      return Promise.reject(new DataProblem(503, 'too many questions at once', 'try again in a few seconds'))
    const deadline = AbortSignal.timeout(deadlineMs)
    const ended = signal ? AbortSignal.any([signal, deadline]) : deadline
    return new Promise<T>((resolve, reject) => {
      const job: Job = {
        run: async () => {
          try {
            ended.throwIfAborted()
            const session = await this.#open()
            resolve(await session.within({ dates: datesOf(times), signal: ended }, () => work(session)))
          } catch (error) {
            reject(ended.aborted ? gone() : problemOf(error))
          }
        },
      }
      const gone = (): unknown =>
        deadline.aborted && !signal?.aborted
          ? new DataProblem(503, `no answer within ${deadlineMs / 1000} s`, 'ask for less time')
          : ended.reason
      ended.addEventListener(
        'abort',
        () => {
          if (this.#waiting.delete(job)) reject(gone())
        },
        { once: true },
      )
      this.#waiting.add(job)
      this.#running ??= this.#work()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#running
    await this.#closeSession()
  }

  async #work(): Promise<void> {
    clearTimeout(this.#idle)
    for (const job of this.#waiting) {
      this.#waiting.delete(job)
      await job.run()
    }
    this.#running = undefined
    this.#idle = setTimeout(() => this.#rest(), IDLE_MS).unref()
  }

  #rest(): void {
    // Nobody is answered meanwhile.
    this.#running ??= this.#closeSession().finally(() => {
      this.#running = undefined
      if (this.#waiting.size > 0) this.#running = this.#work()
    })
  }

  async #open(): Promise<Session> {
    if (this.#session && Date.now() - this.#session.atMs > LIFE_MS) await this.#closeSession()
    this.#session ??= {
      opened: Session.open(this.#options.place, { limits: LIMITS, lasting: true }),
      atMs: Date.now(),
    }
    try {
      return await this.#session.opened
    } catch (error) {
      this.#session = undefined
      throw error
    }
  }

  async #closeSession(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    const opened = await session?.opened.catch(() => undefined)
    opened?.close()
  }
}

/** UTC dates under which records of this time are filed. */
function datesOf({ fromMs, toMs }: Times): { readonly from?: string; readonly to?: string } {
  const date = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
  return {
    ...(fromMs !== undefined && { from: date(fromMs) }),
    ...(toMs !== undefined && { to: date(toMs) }),
  }
}

function problemOf(error: unknown): unknown {
  if (!(error instanceof QueryProblem)) return error
  // What it says to do about it is for the command line.
  const [problem = ''] = error.message.split(/\.? Fix: /)
  return /memory|temporary files|no answer/.test(problem)
    ? new DataProblem(503, problem, 'ask for less time')
    : error
}
