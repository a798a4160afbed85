import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../../recorder/atomic-file.ts'
import { describe, log } from '../../recorder/log.ts'

/** The metrics of one moment. */
export interface Point {
  /** Seconds since 1970. */
  readonly time: number
  readonly values: Readonly<Record<string, number>>
}

export interface SpoolLimits {
  /** Seconds after which a point is not taken any more. */
  readonly maxAgeSecs: number
  readonly maxPoints: number
  readonly maxBytes: number
  /** Points that are held in memory alone. */
  readonly maxUnsaved: number
}

const MiB = 1024 * 1024

/**
 * "If posting with a timestamp older than 24 hours, those metrics will not be recorded"
 * (mackerel.io/api-docs/entry/host-metrics#post).
 */
export const LIMITS: SpoolLimits = {
  maxAgeSecs: 24 * 3600,
  maxPoints: 1500,
  maxBytes: 32 * MiB,
  maxUnsaved: 60,
}

interface Entry {
  readonly time: number
  bytes: number
  /** While it is in memory alone. */
  point: Point | undefined
}

/**
 * What waits to be posted, oldest first: in memory, and on the disk once posting failed, a file a point. Bounded by age,
 * number and bytes; the oldest are given up, and counted.
 */
export class Spool {
  readonly #directory: string
  readonly #limits: SpoolLimits
  readonly #entries: Entry[]
  /** Points given up since the process started: too old, or no room. */
  givenUp = 0

  private constructor(directory: string, limits: SpoolLimits, entries: Entry[]) {
    this.#directory = directory
    this.#limits = limits
    this.#entries = entries
  }

  /** Takes up what a process before left behind; throws when the directory cannot be made or read. */
  static async open(directory: string, limits: SpoolLimits = LIMITS): Promise<Spool> {
    await mkdir(directory, { recursive: true, mode: 0o750 })
    const names = await readdir(directory)
    for (const name of names.filter((one) => one.endsWith('.tmp'))) await rm(join(directory, name))
    const times = names.flatMap((name) => /^(\d{1,12})\.json$/.exec(name)?.[1] ?? []).map(Number)
    const entries = times
      .toSorted((a, b) => a - b)
      .map(async (time) => ({
        time,
        bytes: (await stat(join(directory, `${time}.json`))).size,
        point: undefined,
      }))
    return new Spool(directory, limits, await Promise.all(entries))
  }

  get size(): number {
    return this.#entries.length
  }

  /** Adds a point; one of the same second is replaced, as Mackerel would. */
  async add(point: Point): Promise<void> {
    await this.remove([point.time])
    this.#entries.push({ time: point.time, bytes: 0, point })
    this.#entries.sort((a, b) => a.time - b.time)
    await this.#keepBounds()
  }

  /** The oldest points, at most so many; those that the disk lost are given up. */
  async oldest(count: number, now: number = Date.now()): Promise<Point[]> {
    const tooOld = now / 1000 - this.#limits.maxAgeSecs
    await this.#giveUp(this.#entries.filter(({ time }) => time <= tooOld))
    const points: Point[] = []
    for (const entry of this.#entries.slice(0, count)) {
      const point = entry.point ?? (await this.#load(entry.time))
      if (point) points.push(point)
      else await this.#giveUp([entry])
    }
    return points
  }

  /** Forgets these points: they have arrived, or never will. */
  async remove(times: readonly number[]): Promise<void> {
    for (const time of times) {
      const at = this.#entries.findIndex((entry) => entry.time === time)
      if (at < 0) continue
      const [entry] = this.#entries.splice(at, 1)
      if (entry && entry.bytes > 0) await rm(this.#file(time), { force: true })
    }
  }

  /** Brings what is in memory alone to the disk. A disk that refuses costs those beyond what memory may hold. */
  async save(): Promise<void> {
    for (const entry of this.#entries) {
      if (entry.point === undefined) continue
      const text = JSON.stringify(entry.point)
      try {
        await writeFileAtomic(this.#file(entry.time), text)
      } catch (error) {
        log('spool', `cannot keep what waits: ${describe(error)}`)
        break
      }
      entry.bytes = text.length
      entry.point = undefined
    }
    await this.#keepBounds()
  }

  async #keepBounds(): Promise<void> {
    const { maxPoints, maxBytes, maxUnsaved } = this.#limits
    const bytes = () => this.#entries.reduce((sum, entry) => sum + entry.bytes, 0)
    while (this.#entries.length > maxPoints || bytes() > maxBytes)
      await this.#giveUp(this.#entries.slice(0, 1))
    const unsaved = this.#entries.filter(({ point }) => point !== undefined)
    await this.#giveUp(unsaved.slice(0, Math.max(0, unsaved.length - maxUnsaved)))
  }

  async #giveUp(entries: readonly Entry[]): Promise<void> {
    this.givenUp += entries.length
    await this.remove(entries.map(({ time }) => time))
  }

  async #load(time: number): Promise<Point | undefined> {
    try {
      const value = JSON.parse(await readFile(this.#file(time), 'utf8')) as Partial<Point> | null
      return value?.time === time && typeof value.values === 'object' ? (value as Point) : undefined
    } catch {
      return undefined
    }
  }

  #file(time: number): string {
    return join(this.#directory, `${time}.json`)
  }
}
