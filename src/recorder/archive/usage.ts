import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../atomic-file.ts'
import type { RequestName } from './s3/client.ts'

/** Requests by name, and the bytes that were sent. */
export type Usage = Record<RequestName | 'bytes', number>

/** UTC date → kind (or "-" where a request is for none) → what was asked of S3: what `sekisho cost` counts. */
export type UsageDays = Record<string, Record<string, Usage>>

const KEEP_DAYS = 92

export function usageFile(data: string): string {
  return join(data, 'state', 'usage.json')
}

/** What was counted; nothing when there is no file, or it is damaged: counts are not worth an error. */
export async function readUsage(data: string): Promise<UsageDays> {
  try {
    const value = JSON.parse(await readFile(usageFile(data), 'utf8')) as { days?: UsageDays }
    return typeof value.days === 'object' && value.days !== null ? value.days : {}
  } catch {
    return {}
  }
}

/** Collects the requests of one pass. */
export class UsageCounter {
  readonly #counted: UsageDays = {}

  add(date: string, kind: string, request: RequestName, bytes: number): void {
    const one = { ...emptyUsage(), [request]: 1, bytes }
    this.#counted[date] ??= {}
    this.#counted[date][kind] = sum(this.#counted[date][kind], one)
  }

  /** Adds them to the file, which keeps three months. */
  async save(data: string): Promise<void> {
    if (Object.keys(this.#counted).length === 0) return
    const days = await readUsage(data)
    for (const [date, kinds] of Object.entries(this.#counted)) {
      const day = { ...days[date] }
      for (const [kind, usage] of Object.entries(kinds)) day[kind] = sum(day[kind], usage)
      days[date] = day
      delete this.#counted[date]
    }
    const kept = Object.fromEntries(
      Object.entries(days)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .slice(-KEEP_DAYS),
    )
    await writeFileAtomic(usageFile(data), `${JSON.stringify({ version: 1, days: kept })}\n`)
  }
}

export function emptyUsage(): Usage {
  return { put: 0, get: 0, head: 0, list: 0, bytes: 0 }
}

function sum(a: Usage | undefined, b: Usage): Usage {
  if (!a) return b
  return {
    put: a.put + b.put,
    get: a.get + b.get,
    head: a.head + b.head,
    list: a.list + b.list,
    bytes: a.bytes + b.bytes,
  }
}
