import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { writeFileAtomic } from '../atomic-file.ts'
import { stateDirectory } from '../layout.ts'
import { describe, log } from '../log.ts'
import { closedSegments } from '../wal/closed-segments.ts'
import { ClockTrust } from './clock-trust.ts'
import { type MonthlyCost, type PassCounts, type PassMessage, zeroPass } from './messages.ts'
import type { UploadReport } from './upload.ts'

const TICK_MS = 60_000
/** Days, retention and uploads are looked at this often, even when nothing came. */
const IDLE_MS = 3_600_000
/** A pass that says nothing for so long hangs. */
const SILENCE_MS = 15 * 60_000
const MAX_BACKOFF_MS = 30 * 60_000
const HEAP_MIB = 96

export interface SupervisorOptions {
  readonly settingsPath: string
  /** The recorder's data directory. */
  readonly data: string
  readonly tickMs?: number
  readonly silenceMs?: number
  /** The program of a pass, for tests. */
  readonly program?: string
}

/** The archive's section of the status. */
export interface ArchiveStatus {
  /** Since the recorder started. */
  readonly passes: number
  readonly failedPasses: number
  readonly counts: Readonly<PassCounts>
  /** When the last pass ended, RFC 3339, how long it took, and the most memory it had. */
  readonly lastPass?: { readonly time: string; readonly milliseconds: number; readonly peakBytes: number }
  /** What the archive holds, as the last pass saw it. */
  readonly stored?: { readonly files: number; readonly bytes: number }
  /** What that, and the bucket, cost a month. */
  readonly cost?: MonthlyCost
  /** How the last pass got on with the bucket, when there is one. */
  readonly upload?: UploadReport
  /** Why the last pass failed; absent when it did not. */
  readonly error?: string
}

/**
 * Runs the archive's passes, each in a process of its own, one at a time: each minute when a segment is ready, and hourly.
 * A pass that hangs is killed, and after failures the next one waits longer. Nothing here is in the way of records:
 * while no pass succeeds the log grows to its budget.
 */
export class ArchiveSupervisor {
  readonly #options: Required<SupervisorOptions>
  readonly #trust: ClockTrust
  readonly #timer: NodeJS.Timeout
  readonly #counts = zeroPass()
  #passes = 0
  #failed = 0
  /** Failures in a row. */
  #failing = 0
  #notBefore = 0
  #lastEnd = Number.NEGATIVE_INFINITY
  #last: ArchiveStatus['lastPass']
  #peakBytes = 0
  #stored: ArchiveStatus['stored']
  #cost: MonthlyCost | undefined
  #upload: UploadReport | undefined
  #error: string | undefined
  #child: ChildProcess | undefined
  #running: Promise<void> | undefined
  #stopped = false
  /** Somebody waits for a pass. */
  #asked = false

  private constructor(options: Required<SupervisorOptions>, wallAtLastRun: number | undefined) {
    this.#options = options
    this.#trust = new ClockTrust(wallAtLastRun)
    this.#timer = setInterval(() => this.#tick(), options.tickMs)
    this.#tick()
  }

  static async start(options: SupervisorOptions): Promise<ArchiveSupervisor> {
    const all = {
      tickMs: TICK_MS,
      silenceMs: SILENCE_MS,
      program: join(import.meta.dirname, 'main.ts'),
      ...options,
    }
    return new ArchiveSupervisor(all, await readClock(options.data))
  }

  status(): ArchiveStatus {
    return {
      passes: this.#passes,
      failedPasses: this.#failed,
      counts: this.#counts,
      ...(this.#last && { lastPass: this.#last }),
      ...(this.#stored && { stored: this.#stored }),
      ...(this.#cost && { cost: this.#cost }),
      ...(this.#upload && { upload: this.#upload }),
      ...(this.#error !== undefined && { error: this.#error }),
    }
  }

  /** Runs a pass as soon as none runs, whatever the time and whatever failed before. */
  runSoon(): void {
    this.#asked = true
    this.#notBefore = 0
    this.#tick()
  }

  /** Kills a pass that runs, which costs nothing but its time, and starts no other. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    this.#child?.kill('SIGKILL')
    await this.#running
  }

  #tick(): void {
    const trusted = this.#trust.trusted({ wallMs: Date.now(), monotonicMs: performance.now() })
    if (this.#running || this.#stopped || performance.now() < this.#notBefore) return
    this.#running = this.#runIfDue(trusted)
      .catch((error: unknown) => this.#fail(describe(error)))
      .finally(() => {
        this.#running = undefined
        if (this.#asked) this.#tick()
      })
  }

  async #runIfDue(trusted: boolean): Promise<void> {
    const idle = performance.now() - this.#lastEnd
    const asked = this.#asked
    this.#asked = false
    if (!asked && idle < IDLE_MS && (await closedSegments(this.#options.data)).length === 0) return
    if (this.#stopped) return
    const began = performance.now()
    const error = await this.#pass(trusted)
    if (this.#stopped) return
    this.#passes += 1
    this.#lastEnd = performance.now()
    this.#last = {
      time: new Date().toISOString(),
      milliseconds: Math.round(this.#lastEnd - began),
      peakBytes: this.#peakBytes,
    }
    await writeClock(this.#options.data)
    if (error !== undefined) return this.#fail(error)
    this.#failing = 0
    this.#error = undefined
  }

  #fail(error: string): void {
    this.#failed += 1
    this.#failing += 1
    this.#error = error
    const wait = Math.min(MAX_BACKOFF_MS, this.#options.tickMs * 2 ** (this.#failing - 1))
    this.#notBefore = performance.now() + wait
    log('archive', `archive: ${error}; the next attempt is in ${Math.round(wait / 1000)} s`)
  }

  /** Runs one pass; why it failed, or undefined. */
  async #pass(trusted: boolean): Promise<string | undefined> {
    const { program, settingsPath, silenceMs } = this.#options
    const argv = [
      ...process.execArgv.filter((flag) => !flag.startsWith('--max-old-space-size')),
      `--max-old-space-size=${HEAP_MIB}`,
      program,
      settingsPath,
      trusted ? 'trusted' : 'doubted',
    ]
    // With one arena, trimmed early, glibc gives back what was freed.
    const env = { ...process.env, MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' }
    const child = spawn(process.execPath, argv, { env, stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child = child
    const ended = new Promise<string | undefined>((resolve) => {
      child.once('error', (error) => resolve(`cannot start a pass: ${describe(error)}`))
      child.once('close', (code, signal) => {
        resolve(code === 0 ? undefined : `a pass ended with ${signal ?? `code ${code}`}`)
      })
    })
    let hung = false
    const watchdog = setTimeout(() => {
      hung = true
      child.kill('SIGKILL')
    }, silenceMs)
    let before = zeroPass()
    let failure: string | undefined
    createInterface({ input: child.stdout }).on('line', (line) => {
      watchdog.refresh()
      const message = JSON.parse(line) as PassMessage
      for (const key of Object.keys(message.counts) as (keyof PassCounts)[]) {
        this.#counts[key] += message.counts[key] - before[key]
      }
      before = message.counts
      this.#stored = message.stored ?? this.#stored
      this.#cost = message.cost ?? this.#cost
      this.#upload = message.upload ?? this.#upload
      this.#peakBytes = message.peakBytes ?? this.#peakBytes
      failure = message.error ?? failure
    })
    try {
      const result = await ended
      return hung ? `a pass was silent for ${silenceMs / 1000} s and was killed` : (failure ?? result)
    } finally {
      clearTimeout(watchdog)
      this.#child = undefined
    }
  }
}

function clockFile(data: string): string {
  return join(stateDirectory(data), 'clock.json')
}

/** The wall clock as it was after the last pass. */
async function readClock(data: string): Promise<number | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(clockFile(data), 'utf8'))
    return typeof value === 'number' ? value : undefined
  } catch {
    // None yet, or it was damaged: then the clock is believed.
    return undefined
  }
}

function writeClock(data: string): Promise<void> {
  return writeFileAtomic(clockFile(data), String(Date.now()))
}
