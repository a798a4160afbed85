import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { zeroCounts } from '../../../src/recorder/counters.ts'
import { Wal } from '../../../src/recorder/wal/wal.ts'

/*
 * `appender.ts DATA RUN`: appends to the log as fast as it can until it is killed. Writes "chunk ID" when a chunk was
 * acknowledged, and "below N" when every record of a source below N was. A chunk's body is its id, line feed, and the
 * SHA-256 of the id so many times that sizes vary widely.
 */

export function bodyOf(id: string): Buffer {
  const hash = createHash('sha256').update(id).digest()
  return Buffer.from(`${id}\n${hash.toString('hex').repeat(((hash[0] ?? 0) ** 2) >> 6)}`)
}

const AT_ONCE = 8

async function appendForever(wal: Wal, run: string, lane: number): Promise<void> {
  for (let i = 0; ; i++) {
    const id = `${run}.${lane}.${i}`
    await wal.append({ encoding: 'forward' }, bodyOf(id))
    writeSync(1, `chunk ${id}\n`)
  }
}

async function offerForever(wal: Wal): Promise<void> {
  let n = 0
  const writer = wal.writer({ kind: 'container', counts: zeroCounts(), position: () => n })
  if (typeof writer.savedPosition === 'number') n = writer.savedPosition
  for (;;) {
    const before = n
    for (let i = 0; i < 1 + (n % 13); i++) if (writer.offer(Date.now(), { n })) n += 1
    if (before % 3 === 0) {
      const acknowledged = n
      void writer.flush().then(() => writeSync(1, `below ${acknowledged}\n`))
    }
    await setImmediate()
  }
}

if (import.meta.main) {
  const [data, run] = process.argv.slice(2)
  if (data === undefined || run === undefined) throw new Error('usage: appender.ts DATA RUN')
  const wal = await Wal.open({ data, segmentBytes: 256 * 1024, flushMs: 20 })
  await Promise.all([
    offerForever(wal),
    ...Array.from({ length: AT_ONCE }, (_, lane) => appendForever(wal, run, lane)),
  ])
}
