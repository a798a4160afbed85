import { type LocalRecord, parseLocalData } from './local-data.ts'
import { socketRequest } from './socket-request.ts'

const TIMEOUT_MS = 5000
/** A resolver with a million blocked names still fits; nothing of it is kept but the wanted records. */
const MAX_LIST_BYTES = 128 * 1024 * 1024
const MAX_REPLY_BYTES = 1024 * 1024
const MAX_LINE_BYTES = 4096
/** unbound reads a whole batch in the thread that answers questions: small ones keep it prompt. */
const BATCH = 200
/** unbound-control's own mark for the end of what it sends: a line with an EOT byte. */
const END = '\u0004\n'

/**
 * The records of unbound's local data that `wanted` says yes to, over its control socket (a UNIX socket, without
 * TLS: control-use-cert no). Rejects when unbound is away or refuses.
 */
export async function listLocalData(
  socket: string,
  wanted: (record: LocalRecord) => boolean,
): Promise<LocalRecord[]> {
  const records: LocalRecord[] = []
  const lines = new LineReader((line) => {
    if (/^error\b/i.test(line) && !/\sIN\s/.test(line)) throw new Error(`unbound: ${line.slice(0, 200)}`)
    const record = parseLocalData(line)
    if (record !== undefined && wanted(record)) records.push(record)
  })
  await socketRequest({
    path: socket,
    payload: 'UBCT1 list_local_data\n',
    timeoutMs: 2 * TIMEOUT_MS,
    maxBytes: MAX_LIST_BYTES,
    onChunk: (chunk) => lines.push(chunk),
  })
  lines.end()
  return records
}

/** Removes every local record of the given names (with their final dots). Rejects when unbound refuses one. */
export async function removeLocalData(socket: string, names: readonly string[]): Promise<void> {
  await inBatches(socket, 'local_datas_remove', names)
}

/** Adds local records. Rejects when unbound refuses one, after the others have been added. */
export async function addLocalData(socket: string, records: readonly LocalRecord[]): Promise<void> {
  await inBatches(
    socket,
    'local_datas',
    records.map((record) => `${record.name} ${record.ttl} IN ${record.type} ${record.data}`),
  )
}

async function inBatches(socket: string, command: string, lines: readonly string[]): Promise<void> {
  // A line break in a record would be a record, or the end mark, of somebody else's making.
  const odd = lines.find((line) => !/^[\x20-\x7e]+$/.test(line))
  if (odd !== undefined) throw new Error(`not a line for unbound: ${JSON.stringify(odd)}`)
  const errors: string[] = []
  for (let i = 0; i < lines.length; i += BATCH) {
    const batch = lines.slice(i, i + BATCH)
    const payload = `UBCT1 ${command}\n${batch.join('\n')}\n${END}`
    const reply = await socketRequest({
      path: socket,
      payload,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_REPLY_BYTES,
    })
    if (/^error/m.test(reply) || !/^(added|removed) \d+ data/m.test(reply)) {
      errors.push(reply.trim().slice(0, 200) || 'an empty reply')
    }
  }
  if (errors.length > 0) throw new Error(`unbound ${command}: ${errors[0]}`)
}

/** Splits a byte stream into lines; longer ones than any record are skipped, so memory stays small. */
class LineReader {
  readonly #onLine: (line: string) => void
  #rest = ''
  #skipping = false

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  push(chunk: Buffer): void {
    // latin1: one byte is one character, so a split multi-byte character cannot matter.
    const lines = (this.#rest + chunk.toString('latin1')).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (this.#skipping) this.#skipping = false
      else if (line.length <= MAX_LINE_BYTES) this.#onLine(line)
    }
    if (this.#rest.length > MAX_LINE_BYTES) {
      this.#rest = ''
      this.#skipping = true
    }
  }

  end(): void {
    if (!this.#skipping && this.#rest !== '') this.#onLine(this.#rest)
  }
}
