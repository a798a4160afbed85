export interface JobLoopOptions {
  /** One pass. Throwing is a failure to report; the next pass comes as usual. */
  readonly run: () => Promise<void>
  /** From the end of a pass to the start of the next. */
  readonly everyMs: number
  /** Least time from a poke, and from the end of the last pass, to the next: many pokes make one pass. */
  readonly settleMs: number
  /** Called when the outcome changes: an error's first line, or undefined when it works again. */
  readonly onOutcome: (error: string | undefined) => void
}

/** Runs a job for ever, one pass at a time, and survives whatever a pass throws. */
export class JobLoop {
  readonly #options: JobLoopOptions
  #timer: NodeJS.Timeout | undefined
  #dueAt = Number.POSITIVE_INFINITY
  #running = false
  #poked = false
  #stopped = false
  #idle: Promise<void> = Promise.resolve()
  #outcome: string | undefined | null = null

  constructor(options: JobLoopOptions) {
    this.#options = options
  }

  start(): void {
    this.#schedule(0)
  }

  /** Asks for a pass soon. */
  poke(): void {
    if (this.#running) this.#poked = true
    else this.#schedule(this.#options.settleMs)
  }

  /** No further pass; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#idle
  }

  #schedule(delayMs: number): void {
    const at = performance.now() + delayMs
    if (this.#stopped || this.#running || at >= this.#dueAt) return
    clearTimeout(this.#timer)
    this.#dueAt = at
    this.#timer = setTimeout(() => {
      this.#idle = this.#pass()
    }, delayMs)
  }

  async #pass(): Promise<void> {
    this.#running = true
    this.#poked = false
    try {
      await this.#options.run()
      this.#report(undefined)
    } catch (error) {
      this.#report(oneLine(error))
    }
    this.#running = false
    this.#dueAt = Number.POSITIVE_INFINITY
    this.#schedule(this.#poked ? this.#options.settleMs : this.#options.everyMs)
  }

  #report(outcome: string | undefined): void {
    if (outcome === this.#outcome) return
    this.#outcome = outcome
    this.#options.onOutcome(outcome)
  }
}

/** An error as one short printable line: it may carry what a server, or a client behind it, said. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return (
    text
      .replace(/[^\x20-\x7e]+/g, ' ')
      .trim()
      .slice(0, 300) || 'unknown error'
  )
}
