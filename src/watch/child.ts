import { type ChildProcess, spawn } from 'node:child_process'
import { type Heartbeat, heartbeats } from './heartbeat.ts'
import { judge, type Observed } from './watchdog.ts'

const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 30_000
/** One that lived this long starts again at once. */
const STEADY_MS = 60_000
const MAX_WORDS = 200

export interface ChildOptions {
  readonly name: string
  /** The words of its command, from the absolute path of its program on. */
  readonly command: () => readonly string[]
  /** Descriptors that it gets as 3, 4, …; opened for each start, and closed here when it has them. */
  readonly open?: () => readonly number[]
  readonly close?: (fd: number) => void
  /** Its state is another. */
  readonly onChange?: () => void
}

/** What became of a child, for the status file. */
export interface ChildStatus {
  /** "up", or why it is not. */
  readonly state: string
  readonly starts: number
  /** How often it was ended because it did not read. */
  readonly ended: number
  /** Events and gaps, by its own account, of all its lives. */
  readonly events: number
  readonly gaps: number
}

/** A process that is started again when it ends, and ended when it gives no sign of life. */
export class Child {
  readonly #options: ChildOptions
  #process: ChildProcess | undefined
  #started = 0
  #heard: number | undefined
  #looked = performance.now()
  #heartbeat: Heartbeat | undefined
  readonly #before = { events: 0, gaps: 0 }
  #pause = FIRST_PAUSE_MS
  #timer: NodeJS.Timeout | undefined
  #stopping = false
  #gone: (() => void) | undefined
  #state = 'starting'
  #starts = 0
  #ended = 0

  constructor(options: ChildOptions) {
    this.#options = options
    this.#start()
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  status(): ChildStatus {
    const { events = 0, gaps = 0 } = this.#heartbeat ?? {}
    return {
      state: this.#state,
      starts: this.#starts,
      ended: this.#ended,
      events: this.#before.events + events,
      gaps: this.#before.gaps + gaps,
    }
  }

  /** Ends it with SIGKILL, which works on a stopped process too, when it must be. Call it about each second. */
  watch(tracked: Observed['tracked']): void {
    const now = performance.now()
    const late = now - this.#looked > 2500
    this.#looked = now
    // It was us who did not run: what it said meanwhile is still to be read.
    if (late && this.#heard !== undefined) this.#heard = now
    if (!this.#process || this.#stopping) return
    const reason = judge({
      aliveMs: late ? 0 : now - this.#started,
      silentMs: this.#heard === undefined ? undefined : now - this.#heard,
      undrainedMs: this.#heartbeat?.undrainedMs ?? 0,
      tracked,
    })
    if (reason === undefined) return
    this.#ended += 1
    this.#say(`ended, for ${reason}`)
    this.#process.kill('SIGKILL')
    // Until it is gone there is nothing to judge.
    this.#process = undefined
  }

  /** Asks it to end, and waits for that, at most so long. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#timer)
    const child = this.#process
    if (!child) return
    const gone = new Promise<void>((resolve) => {
      this.#gone = resolve
    })
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    await gone
    clearTimeout(timer)
  }

  #start(): void {
    const { command, open, close } = this.#options
    let fds: readonly number[] = []
    this.#starts += 1
    this.#started = performance.now()
    this.#heard = undefined
    this.#become('starting')
    try {
      fds = open?.() ?? []
      const [program = '', ...args] = command()
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit', ...fds] })
      this.#process = child
      const take = heartbeats((heartbeat) => {
        this.#heard = performance.now()
        this.#heartbeat = heartbeat
        this.#become('up')
      })
      child.stdout?.setEncoding('utf8').on('data', take)
      // One of the two comes first.
      const over = once((how: string) => this.#over(how))
      child.once('error', (error) => over(error.message))
      child.once('exit', (code, signal) => over(signal ?? `code ${code}`))
    } catch (error) {
      this.#over(error instanceof Error ? error.message : String(error))
    } finally {
      for (const fd of fds) close?.(fd)
    }
  }

  #over(how: string): void {
    this.#process = undefined
    this.#gone?.()
    if (this.#heartbeat) {
      this.#before.events += this.#heartbeat.events
      this.#before.gaps += this.#heartbeat.gaps
      this.#heartbeat = undefined
    }
    this.#become(this.#stopping ? 'stopped' : `ended: ${how}`.slice(0, MAX_WORDS))
    if (this.#stopping) return
    if (performance.now() - this.#started > STEADY_MS) this.#pause = FIRST_PAUSE_MS
    this.#say(`${this.#state}; it starts again in ${this.#pause / 1000} s`)
    this.#timer = setTimeout(() => this.#start(), this.#pause)
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS)
  }

  #become(state: string): void {
    if (state === this.#state) return
    this.#state = state
    this.#options.onChange?.()
  }

  #say(what: string): void {
    process.stderr.write(`${this.#options.name}: ${what}\n`)
  }
}

function once(call: (how: string) => void): (how: string) => void {
  let called = false
  return (how) => {
    if (!called) call(how)
    called = true
  }
}
