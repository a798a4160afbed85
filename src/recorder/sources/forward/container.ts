import { writeJson } from './json.ts'
import type { JsonWriter } from './json-writer.ts'
import { unsigned, valueEnd } from './skim.ts'

/*
 * What Docker's fluentd log driver sends: a record with container_id, container_name, source and log, the pieces of a line
 * beyond 16 KiB with partial_message and its like, and the labels and variables that its options ask for.
 */

/** Keys of the record and columns of kind "container" (records/kinds.ts) that hold the same. */
const COLUMNS: ReadonlyMap<string, string> = new Map([
  ['container_name', 'containerName'],
  ['com.docker.compose.project', 'project'],
  ['com.docker.compose.service', 'service'],
  ['org.sekisho.module', 'module'],
  ['source', 'stream'],
  ['log', 'log'],
])
const NEEDED = ['container_id', 'container_name', 'source', 'log']
/** Said by `partial`, or of use only to join the pieces. */
const PARTIAL = new Set(['partial_message', 'partial_id', 'partial_ordinal', 'partial_last'])
const MAX_KEYS = 256
/** Hex digits of an id that `docker ps` shows. */
const ID_DIGITS = 12

/** Where in the record each value begins, by its key. */
export type Container = ReadonlyMap<string, number>

/** Whether any of the entries may be one of Docker's: a look at all bytes is cheaper than one at each record. */
export function mentionsContainers(bytes: Buffer): boolean {
  return bytes.includes('container_id', 0, 'latin1')
}

/** The parts of the record (a whole map) at `at`, if it is one of Docker's. */
export function containerOf(bytes: Buffer, at: number): Container | undefined {
  const first = bytes[at] as number
  const count = first < 0x90 ? first & 0x0f : unsigned(bytes, at + 1, first === 0xde ? 2 : 4)
  if (count < NEEDED.length || count > MAX_KEYS) return undefined
  const values = new Map<string, number>()
  let next = first < 0x90 ? at + 1 : at + (first === 0xde ? 3 : 5)
  for (let i = 0; i < count; i++) {
    const value = valueEnd(bytes, next, bytes.length) as number
    const key = stringAt(bytes, next)
    if (key === undefined) return undefined
    values.set(key, value)
    next = valueEnd(bytes, value, bytes.length) as number
  }
  return NEEDED.every((key) => isText(bytes, values.get(key))) ? values : undefined
}

/** Writes its columns, each with a comma before it. */
export function writeContainer(out: JsonWriter, bytes: Buffer, container: Container): void {
  const others: string[] = []
  for (const [key, at] of container) {
    const column = COLUMNS.get(key)
    if (key === 'container_id') {
      out.ascii(`,"containerId":${JSON.stringify(stringAt(bytes, at)?.slice(0, ID_DIGITS))}`)
    } else if (column !== undefined && isText(bytes, at)) {
      out.ascii(`,"${column}":`)
      const start = textStart(bytes, at)
      // Docker's names begin with a slash.
      const slash = key === 'container_name' && bytes[start] === 0x2f ? 1 : 0
      out.text(bytes, start + slash, valueEnd(bytes, at, bytes.length) as number)
    } else if (!PARTIAL.has(key)) others.push(key)
  }
  const goesOn = says(bytes, container, 'partial_message') && !says(bytes, container, 'partial_last')
  if (goesOn) out.ascii(',"partial":true')
  if (others.length === 0) return
  for (const [i, key] of others.entries()) {
    out.ascii(i === 0 ? ',"attributes":{' : ',')
    const name = Buffer.from(key)
    out.text(name, 0, name.length)
    out.byte(0x3a)
    writeJson(out, bytes, container.get(key) as number)
  }
  out.byte(0x7d)
}

function says(bytes: Buffer, container: Container, key: string): boolean {
  const at = container.get(key)
  return at !== undefined && stringAt(bytes, at) === 'true'
}

function isText(bytes: Buffer, at: number | undefined): boolean {
  return at !== undefined && textStart(bytes, at) > at
}

function stringAt(bytes: Buffer, at: number): string | undefined {
  const start = textStart(bytes, at)
  return start > at ? bytes.toString('utf8', start, valueEnd(bytes, at, bytes.length)) : undefined
}

/** Where the text of the str or bin at `at` begins; `at` itself for another type. */
function textStart(bytes: Buffer, at: number): number {
  const first = bytes[at] as number
  if (first >= 0xa0 && first < 0xc0) return at + 1
  if (first >= 0xd9 && first <= 0xdb) return at + 1 + (1 << (first - 0xd9))
  if (first >= 0xc4 && first <= 0xc6) return at + 1 + (1 << (first - 0xc4))
  return at
}
