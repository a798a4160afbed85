import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Settings } from '../src/recorder/settings.ts'
import type { RecorderStatus, SourceStatus } from '../src/recorder/status.ts'
import { recorderSettings } from '../tests/recorder-settings.ts'

const START = join(import.meta.dirname, '../src/recorder/start.ts')
/** Of memory, as in its image. */
const LIMITS = ['--max-old-space-size=96', '--max-semi-space-size=4']
/** The status is written every five seconds. */
const PATIENCE_MS = 60_000

/** A recorder with a directory of its own, as its container starts it. */
export class BenchRecorder {
  readonly #root: string
  readonly #child: ChildProcess

  private constructor(root: string, child: ChildProcess) {
    this.#root = root
    this.#child = child
  }

  static async start(changes: Partial<Settings>): Promise<BenchRecorder> {
    const root = await mkdtemp(join(tmpdir(), 'bench-recorder-'))
    for (const name of ['data', 'run', 'agent', 'containers']) await mkdir(join(root, name))
    const file = join(root, 'settings.json')
    await writeFile(file, JSON.stringify(recorderSettings(root, changes)))
    const child = spawn(process.execPath, [...LIMITS, START, file], { stdio: ['ignore', 'ignore', 'ignore'] })
    const recorder = new BenchRecorder(root, child)
    await recorder.until('syslog', () => true)
    return recorder
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Waits until a source's counters say so, and returns them; throws after a minute. */
  async until(source: string, done: (status: SourceStatus) => boolean): Promise<SourceStatus> {
    const deadline = performance.now() + PATIENCE_MS
    for (;;) {
      const text = await readFile(join(this.#root, 'run/status.json'), 'utf8').catch(() => undefined)
      const status = text === undefined ? undefined : (JSON.parse(text) as RecorderStatus).sources[source]
      if (status && done(status)) return status
      if (performance.now() > deadline || this.#child.exitCode !== null)
        throw new Error(`the recorder did not get there: ${JSON.stringify(status)}`)
      await sleep(200)
    }
  }

  /** Stops it and returns a source's last counters. */
  async stop(source: string): Promise<SourceStatus> {
    if (this.#child.exitCode === null) {
      const exited = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      await exited
    }
    const status = JSON.parse(await readFile(join(this.#root, 'run/status.json'), 'utf8')) as RecorderStatus
    await rm(this.#root, { recursive: true, force: true })
    const last = status.sources[source]
    if (!last) throw new Error(`the recorder has no source ${source}`)
    return last
  }
}
