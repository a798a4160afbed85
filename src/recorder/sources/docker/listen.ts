import { type FSWatcher, watch } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { zeroCounts } from '../../counters.ts'
import { describe, log } from '../../log.ts'
import type { Wal } from '../../wal/wal.ts'
import type { Writer } from '../../wal/writer.ts'
import type { Source } from '../source.ts'
import { ContainerFollower, type FilePosition, type FollowCounts } from './follow.ts'

const TURN_MS = 1000
const CONTAINER_ID = /^[0-9a-f]{64}$/

type Positions = Readonly<Record<string, readonly FilePosition[]>>

/**
 * Every container's lines, from the files of Docker's json-file driver below `<docker root>/containers`. Docker writes
 * them whether or not the recorder runs; what was stored is remembered with the records themselves, so that a restart
 * or a crash neither loses a line nor stores it twice, as long as rotation has not deleted its file meanwhile.
 */
export class DockerSource implements Source {
  readonly name = 'container'
  readonly counts: FollowCounts = { ...zeroCounts(), gaps: 0 }
  readonly #root: string
  readonly #turnMs: number
  readonly #followers = new Map<string, ContainerFollower>()
  readonly #abort = new AbortController()
  readonly #buffer = ContainerFollower.sharedBuffer()
  #writer: Writer | undefined
  #saved: Positions = {}
  #final: Positions | undefined
  #state = 'starting'
  #wake: (() => void) | undefined
  #watcher: FSWatcher | undefined
  #loop: Promise<void> = Promise.resolve()

  private constructor(root: string, turnMs: number) {
    this.#root = root
    this.#turnMs = turnMs
  }

  /** `containers` is Docker's directory of container directories, which is looked at every `turnMs`. */
  static async start(containers: string, wal: Wal, turnMs = TURN_MS): Promise<DockerSource> {
    const source = new DockerSource(containers, turnMs)
    const writer = wal.writer({
      kind: 'container',
      counts: source.counts,
      position: () => source.#positions(),
    })
    source.#writer = writer
    source.#saved = positionsOf(writer.savedPosition)
    source.#loop = source.#run(writer)
    return source
  }

  state(): string {
    return this.#state
  }

  details(): Readonly<Record<string, number>> {
    return { gaps: this.counts.gaps, containers: this.#followers.size }
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    this.#wake?.()
    this.#watcher?.close()
    await this.#loop
    this.#final = this.#positions()
    this.#writer?.touch()
    for (const follower of this.#followers.values()) await follower.close()
  }

  #positions(): Positions {
    if (this.#final) return this.#final
    const now = [...this.#followers].map(([id, follower]) => [id, follower.position()] as const)
    // Until the directory has been listed once, nothing is known to be gone.
    return { ...this.#saved, ...Object.fromEntries(now) }
  }

  async #run(writer: Writer): Promise<void> {
    const { signal } = this.#abort
    while (!signal.aborted) {
      let more = false
      try {
        await this.#discover(writer)
        for (const follower of this.#followers.values()) {
          if (signal.aborted) break
          more = (await this.#turn(follower)) || more
        }
      } catch (error) {
        this.#state = `cannot read ${this.#root}: ${describe(error)}`
        log('docker', `docker: ${this.#state}`)
      }
      if (!more && !signal.aborted) await this.#pause()
    }
  }

  async #turn(follower: ContainerFollower): Promise<boolean> {
    try {
      return await follower.turn(this.#abort.signal)
    } catch (error) {
      // One container's unreadable file must not stop the others.
      log(`docker ${follower.id}`, `docker: container ${follower.id.slice(0, 12)}: ${describe(error)}`)
      return false
    }
  }

  async #discover(writer: Writer): Promise<void> {
    const { signal } = this.#abort
    this.#watch()
    const ids = new Set((await readdir(this.#root)).filter((name) => CONTAINER_ID.test(name)))
    for (const [id, follower] of this.#followers) {
      if (ids.has(id)) continue
      try {
        await follower.finish(signal)
      } catch (error) {
        log(`docker ${id}`, `docker: removed container ${id.slice(0, 12)}: ${describe(error)}`)
      }
      if (signal.aborted) return
      await follower.close()
      this.#followers.delete(id)
      writer.touch()
    }
    for (const id of ids) {
      if (this.#followers.has(id)) continue
      const follower = new ContainerFollower({
        id,
        directory: join(this.#root, id),
        sink: writer,
        counts: this.counts,
        saved: this.#saved[id] ?? [],
        buffer: this.#buffer,
      })
      this.#followers.set(id, follower)
    }
    this.#saved = {}
    this.#state = 'up'
  }

  /** A new container is noticed at once: one that lives for a moment takes its file with it. */
  #watch(): void {
    if (this.#watcher) return
    try {
      this.#watcher = watch(this.#root, () => this.#wake?.())
      this.#watcher.on('error', () => {
        this.#watcher?.close()
        this.#watcher = undefined
      })
    } catch {
      // Without inotify the listing each second finds it.
      this.#watcher = undefined
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#turnMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** What a checkpoint holds, as far as it is that. */
function positionsOf(value: unknown): Positions {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(
    Object.entries(value).filter(
      (entry): entry is [string, FilePosition[]] =>
        CONTAINER_ID.test(entry[0]) && Array.isArray(entry[1]) && entry[1].every(isFilePosition),
    ),
  )
}

function isFilePosition(value: unknown): value is FilePosition {
  if (typeof value !== 'object' || value === null) return false
  const { ino, headBytes, hash, from, done } = value as Partial<Record<keyof FilePosition, unknown>>
  const numbers = [ino, headBytes, from, done]
  return typeof hash === 'string' && numbers.every((n) => Number.isSafeInteger(n) && (n as number) >= 0)
}
