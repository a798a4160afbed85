import { instantOf, parseRfc3339 } from '../../records/time.ts'

/** One entry of Docker's json-file log: a line, or a piece of one that is longer than Docker's 16 KiB. */
export interface DockerEntry {
  readonly epochMs: number
  readonly time: string
  readonly stream: 'stdout' | 'stderr'
  /** Without the line feed. */
  readonly text: string
  /** The entry ends a line: its text had a line feed. */
  readonly ends: boolean
  /** The container's name by the option `tag: "{{.Name}}"`. */
  readonly tag?: string
}

export type Decoded =
  | {
      readonly ok: true
      readonly entry: DockerEntry /** Bytes before it were no entry. */
      readonly torn: boolean
    }
  | { readonly ok: false }

const MAX_NAME = 255

/**
 * Decodes a line of a json-file log, `{"log":"…\n","stream":"stdout","attrs":{"tag":"…"},"time":"…"}`. When dockerd
 * was killed in the middle of a write, the next entry follows the torn one on the same line: it is found again.
 */
export function decodeDockerLine(line: Buffer, nowMs: number): Decoded {
  const text = line.toString('utf8')
  const entry = entryOf(text, nowMs)
  if (entry) return { ok: true, entry, torn: false }
  // Inside a string every quote is escaped, so this can only be the beginning of an entry.
  const start = text.lastIndexOf('{"log":"')
  const rest = start > 0 ? entryOf(text.slice(start), nowMs) : undefined
  return rest ? { ok: true, entry: rest, torn: true } : { ok: false }
}

function entryOf(text: string, nowMs: number): DockerEntry | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { log, stream, time, attrs } = value as Record<string, unknown>
  if (typeof log !== 'string') return undefined
  const instant = (typeof time === 'string' && parseRfc3339(time)) || instantOf(nowMs)
  const tag = typeof attrs === 'object' && attrs !== null && 'tag' in attrs ? attrs.tag : undefined
  const ends = log.endsWith('\n')
  return {
    epochMs: instant.epochMs,
    time: instant.text,
    stream: stream === 'stderr' ? 'stderr' : 'stdout',
    text: ends ? log.slice(0, -1) : log,
    ends,
    ...(typeof tag === 'string' && tag !== '' && { tag: tag.slice(0, MAX_NAME) }),
  }
}
