import { type ChildProcess, spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { keptDirectory } from '../layout.ts'
import { describe, log } from '../log.ts'
import type { LogEnd } from './log-reader.ts'
import { savedFile } from './saved.ts'
import type { SenderStatus } from './sender.ts'
import type { ForwardTarget } from './settings.ts'

const LOOK_MS = 500
const MAX_PAUSE_MS = 60_000
const STOP_MS = 3000
const HEAP_MIB = 96

export interface ForwardSupervisorOptions {
  readonly settingsPath: string
  /** The recorder's data directory. */
  readonly data: string
  readonly targets: readonly ForwardTarget[]
  /** How much of the log is on the disk. */
  readonly end: () => LogEnd | undefined
}

/**
 * Keeps the process that sends the log to the receivers of forward_to, when there are any. Decoding and compressing is done
 * there, so that nothing of it is in the way of records.
 */
export class ForwardSupervisor {
  readonly #options: ForwardSupervisorOptions
  readonly #timer: NodeJS.Timeout | undefined
  #status: readonly SenderStatus[]
  #child: ChildProcess | undefined
  #told: LogEnd | undefined
  #failures = 0
  #notBefore = 0
  #stopped = false

  private constructor(options: ForwardSupervisorOptions) {
    this.#options = options
    this.#status = options.targets.map(({ address }) => ({
      address,
      state: 'connecting',
      forwarded: 0,
      lost: 0,
    }))
    if (options.targets.length > 0) this.#timer = setInterval(() => this.#look(), LOOK_MS)
  }

  /** Without receivers, removes what was kept for those that there were. */
  static async start(options: ForwardSupervisorOptions): Promise<ForwardSupervisor> {
    const { data, targets } = options
    if (targets.length === 0) {
      await rm(keptDirectory(data), { recursive: true, force: true })
      await rm(savedFile(data), { force: true })
    }
    const self = new ForwardSupervisor(options)
    if (targets.length > 0) self.#look()
    return self
  }

  status(): readonly SenderStatus[] {
    return this.#status
  }

  /** Lets it note how far it is. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    const child = this.#child
    if (!child) return
    this.#look()
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.stdin?.end()
    await Promise.race([ended, sleep(STOP_MS, undefined, { ref: false })])
    child.kill('SIGKILL')
  }

  #look(): void {
    if (!this.#child && !this.#stopped && performance.now() >= this.#notBefore) this.#start()
    const end = this.#options.end()
    if (!end || (end.sequence === this.#told?.sequence && end.bytes === this.#told.bytes)) return
    const stdin = this.#child?.stdin
    if (!stdin || stdin.writableNeedDrain) return
    stdin.write(`${JSON.stringify(end)}\n`)
    this.#told = end
  }

  #start(): void {
    const argv = [
      ...process.execArgv.filter((flag) => !flag.startsWith('--max-old-space-size')),
      `--max-old-space-size=${HEAP_MIB}`,
      join(import.meta.dirname, 'main.ts'),
      this.#options.settingsPath,
    ]
    const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child = child
    this.#told = undefined
    const began = performance.now()
    // 'close' follows, or what it says is about to be.
    child.stdin.on('error', () => undefined)
    child.once('error', (error) => this.#ended(began, describe(error)))
    child.once('close', (code, signal) => this.#ended(began, `it ended with ${signal ?? `code ${code}`}`))
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#status = JSON.parse(line) as SenderStatus[]
    })
  }

  #ended(began: number, why: string): void {
    this.#child = undefined
    if (this.#stopped) return
    this.#failures = performance.now() - began > MAX_PAUSE_MS ? 1 : this.#failures + 1
    const pause = Math.min(MAX_PAUSE_MS, 1000 * 2 ** (this.#failures - 1))
    this.#notBefore = performance.now() + pause
    this.#status = this.#status.map((one) => ({ ...one, state: `not sent: ${why}` }))
    log('forward-to process', `forward_to: ${why}; it begins again in ${pause / 1000} s`)
  }
}
