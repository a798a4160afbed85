import { gunzipSync } from 'node:zlib'
import { decode, decodeMulti, type ExtData } from '@msgpack/msgpack'
import { expect, it } from 'vitest'
import { forwardLines } from '../sources/forward/entries.ts'
import { eventTime, packEntries } from '../sources/forward/fixtures.ts'
import { parseMessage } from '../sources/forward/message.ts'
import type { ReadFrame } from '../wal/read.ts'
import { chunksOf } from './chunk.ts'

const at = Date.UTC(2026, 10, 23, 12)
const options = { site: 'home', compress: false }

function syslog(...lines: readonly (object | string)[]): ReadFrame {
  const body = lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')
  return {
    meta: { at, encoding: 'ndjson', kind: 'syslog', rows: lines.length },
    body: Buffer.from(body),
    end: 1,
  }
}

function events(tag: string, ...records: readonly object[]): ReadFrame {
  const body = packEntries(records.map((record) => [eventTime(1_790_000_000, 5), record]))
  const forward = { tag, mode: 'packed', senderAddress: '192.0.2.1' } as const
  return { meta: { at, encoding: 'forward', rows: records.length, forward }, body, end: 2 }
}

interface Sent {
  readonly tag: string
  readonly entries: readonly [ExtData, Record<string, unknown>][]
  readonly option: { readonly chunk: string; readonly size: number; readonly compressed?: string }
}

function sent(frames: readonly ReadFrame[], changes: object = {}): Sent[] {
  return [...chunksOf(frames, '1 0', { ...options, ...changes })].map(({ bytes }) => {
    const [tag, binary, option] = decode(bytes, { useBigInt64: true }) as [string, Uint8Array, Sent['option']]
    const plain = option.compressed === 'gzip' ? gunzipSync(binary) : binary
    return { tag, option, entries: [...decodeMulti(plain, { useBigInt64: true })] as Sent['entries'] }
  })
}

it('is a message that our own server takes, whichever way it is compressed', () => {
  for (const compress of [true, false]) {
    const [chunk] = chunksOf([syslog({ time: '2026-11-23T01:02:03Z', msg: 'a' })], '1 0', {
      ...options,
      compress,
    })
    expect(parseMessage(chunk?.bytes ?? Buffer.alloc(0))).toMatchObject({
      tag: 'sekisho.syslog',
      mode: compress ? 'compressed' : 'packed',
      count: 1,
      chunk: chunk?.id,
    })
  }
})

it('gives each kind its tag, and each record its time with all digits', () => {
  const all = sent([
    syslog({ time: '2026-11-23T01:02:03.004005006Z', msg: 'a' }, { time: '2026-11-23T01:02:04Z', msg: 'b' }),
    events('app', { n: 1 }),
  ])
  expect(all.map(({ tag, option }) => [tag, option.size])).toEqual([
    ['sekisho.syslog', 2],
    ['sekisho.events', 1],
  ])
  const [[time, record] = []] = all[0]?.entries ?? []
  expect(time).toEqual(eventTime(Date.UTC(2026, 10, 23, 1, 2, 3) / 1000, 4_005_006))
  expect(record).toEqual({ site: 'home', msg: 'a' })
  expect(all[1]?.entries[0]?.[1]).toEqual({
    site: 'home',
    tag: 'app',
    senderAddress: '192.0.2.1',
    record: { n: 1 },
  })
})

it('keeps a time that EventTime cannot say, and every digit of an integer', () => {
  const [chunk] = sent([syslog({ time: '1969-01-01T00:00:00Z', msg: 'old' }, '{"n":18446744073709551615}')])
  expect(chunk?.entries[0]).toEqual([
    eventTime(at / 1000, 0),
    { site: 'home', time: '1969-01-01T00:00:00Z', msg: 'old' },
  ])
  expect(chunk?.entries[1]?.[1].n).toBe(2n ** 64n - 1n)
})

it('passes over what is no record, and keys that mean something to JavaScript are keys', () => {
  const frame = syslog('{"broken', '[]', '3', '{"__proto__":{"x":1},"constructor":2,"msg":"a"}')
  const [chunk] = chunksOf([frame], '1 0', options)
  const message = parseMessage(chunk?.bytes ?? Buffer.alloc(0))
  if (message === 'heartbeat' || 'problem' in message) throw new Error('no message')
  const forward = { tag: message.tag, mode: 'packed', senderAddress: '192.0.2.1' } as const
  const lines = [...forwardLines(forward, message.entries, at)]
    .map((block) => block.lines.toString())
    .join('')
  expect(chunk?.rows).toBe(1)
  expect(lines).toContain('"record":{"site":"home","__proto__":{"x":1},"constructor":2,"msg":"a"}')
})

it('sends only the kinds that are asked for', () => {
  const frames = [syslog({ msg: 'a' }), events('app', { n: 1 })]
  expect(sent(frames, { kinds: ['events'] }).map(({ tag }) => tag)).toEqual(['sekisho.events'])
})

it('makes several chunks of much, and the same ids for the same', () => {
  const lines = Array.from({ length: 600 }, (_, n) => ({ n, msg: 'x'.repeat(1000) }))
  const ids = (position: string) => [...chunksOf([syslog(...lines)], position, options)].map(({ id }) => id)
  expect(ids('1 0').length).toBeGreaterThan(2)
  expect(new Set(ids('1 0')).size).toBe(ids('1 0').length)
  expect(ids('1 0')).toEqual(ids('1 0'))
  expect(ids('1 9')).not.toEqual(ids('1 0'))
})
