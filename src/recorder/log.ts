const QUIET_MS = 60_000
const MAX_KEYS = 256
const last = new Map<string, { at: number; suppressed: number }>()

/**
 * Writes a line about the recorder itself to stderr, at most one a minute for each `key`. The recorder records its own
 * container's lines too, so that a line for each failure would feed itself.
 */
export function log(key: string, message: string, now: number = performance.now()): void {
  const seen = last.get(key)
  if (seen && now - seen.at < QUIET_MS) {
    seen.suppressed += 1
    return
  }
  if (last.size >= MAX_KEYS) last.clear()
  last.set(key, { at: now, suppressed: 0 })
  const more = seen?.suppressed ? ` (and ${seen.suppressed} more like it)` : ''
  process.stderr.write(`${message.slice(0, 1000)}${more}\n`)
}

/** An error's message, and its code where it has one. */
export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
