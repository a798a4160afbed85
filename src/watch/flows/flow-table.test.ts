import fc from 'fast-check'
import { expect, it } from 'vitest'
import { connection, conntrackPayload, ports } from '../../../tests/conntrack.ts'
import type { Conntrack, Counts } from './conntrack-decode.ts'
import { newScan, scanConntrack } from './conntrack-scan.ts'
import { type FlowPart, FlowTable, type FlowTableOptions } from './flow-table.ts'

const SECOND = 1_000_000
const START = 1_790_000_000 * SECOND

/** A table that is given connections as messages; times are in seconds after START. */
function tableOf(options: Partial<FlowTableOptions> = {}) {
  const parts: FlowPart[] = []
  const table = new FlowTable({
    maxFlows: 100,
    activeTimeoutMs: 300_000,
    emit: (part) => parts.push(part),
    ...options,
  })
  const scan = newScan()
  const told =
    (take: (bytes: Buffer, now: number) => void) =>
    (one: Conntrack, seconds: number): void => {
      const bytes = conntrackPayload(one)
      expect(scanConntrack(bytes, 0, bytes.length, scan)).toBe(true)
      take(bytes, START + seconds * SECOND)
    }
  return {
    table,
    parts,
    created: told((bytes, now) => table.created(bytes, scan, now)),
    listed: told((bytes, now) => table.listed(bytes, scan, now)),
    asked: told((bytes, now) => table.listed(bytes, scan, now, true)),
    destroyed: told((bytes, now) => table.destroyed(bytes, scan, false, now)),
    forced: told((bytes, now) => table.destroyed(bytes, scan, true, now)),
  }
}

const fresh = connection({ counts: undefined, startMicros: undefined, tcpState: 'SYN_SENT' })
const counted = (packets: number): Counts => ({
  originalPackets: packets,
  originalBytes: packets * 100,
  replyPackets: packets * 2,
  replyBytes: packets * 3000,
})
const live = (packets: number): Conntrack =>
  connection({ counts: counted(packets), tcpState: 'ESTABLISHED', startMicros: START })
const over = (packets: number): Conntrack =>
  connection({ counts: counted(packets), startMicros: START, stopMicros: START + 900 * SECOND })

it('makes one exact record of a short connection, whether its beginning was heard of or not', () => {
  for (const heard of [true, false]) {
    const { table, parts, created, destroyed } = tableOf()
    if (heard) created(fresh, 0)
    destroyed(over(5), 1)
    expect(parts).toMatchObject([
      { delta: counted(5), startMicros: START, endMicros: START + 900 * SECOND, endReason: 3 },
    ])
    expect(table.size).toBe(0)
  }
})

it('tells an idle timeout, an end of TCP and an end by force apart', () => {
  const { parts, destroyed, forced } = tableOf()
  const udp = ports('192.0.2.9', 1, '198.51.100.7', 53, 17)
  destroyed(connection({ original: udp, tcpState: undefined }), 1)
  destroyed(connection({ tcpState: 'ESTABLISHED' }), 1)
  destroyed(connection({ tcpState: 'CLOSE' }), 1)
  forced(connection({ tcpState: 'ESTABLISHED' }), 1)
  expect(parts.map(({ endReason }) => endReason)).toEqual([1, 1, 3, 4])
})

it('makes records of a long connection that add up, none while it is silent, and the first after the timeout', () => {
  const { parts, created, listed, destroyed } = tableOf()
  created(fresh, 0)
  listed(live(1), 60)
  listed(live(3), 299)
  expect(parts).toEqual([])
  listed(live(4), 301)
  listed(live(9), 400)
  listed(live(9), 602)
  listed(live(9), 903)
  destroyed(over(12), 1000)
  expect(parts.map(({ delta, endReason }) => [delta, endReason])).toEqual([
    [counted(4), 2],
    [counted(5), 2],
    [counted(3), 3],
  ])
  expect(new Set(parts.map(({ key }) => key)).size).toBe(1)
})

it('makes a record at once for who asks, of one that has none, and of others each ten seconds at most', () => {
  const { parts, created, listed, asked, destroyed } = tableOf()
  created(fresh, 0)
  asked(live(1), 1)
  asked(live(2), 2)
  listed(live(3), 10)
  asked(live(4), 11)
  asked(live(4), 30)
  destroyed(over(4), 120)
  expect(parts.map(({ delta, endReason }) => [delta, endReason])).toEqual([
    [counted(1), 2],
    [counted(3), 2],
    [counted(0), 3],
  ])
})

it('sums up to what the kernel counted, however often it was listed', () => {
  const growth = fc.array(fc.nat({ max: 5 }), { maxLength: 20 })
  fc.assert(
    fc.property(growth, fc.boolean(), (steps, heard) => {
      const { parts, created, listed, destroyed } = tableOf({ activeTimeoutMs: 1000 })
      let packets = 0
      if (heard) created(fresh, 0)
      for (const [i, more] of steps.entries()) {
        packets += more
        listed(live(packets), i)
      }
      destroyed(over(packets), steps.length)
      const sum = (of: keyof Counts): number => parts.reduce((total, { delta }) => total + delta[of], 0)
      const { originalBytes, replyPackets } = counted(packets)
      expect([sum('originalBytes'), sum('replyPackets')]).toEqual([originalBytes, replyPackets])
    }),
  )
})

it('ends what two lists did not have, with the counts that were seen last, and counts it', () => {
  const { table, parts, created, listed } = tableOf()
  created(fresh, 0)
  table.listBegins()
  listed(live(3), 60)
  table.endUnseen(START)
  table.listBegins()
  // This list leaves it out, as a list may do; so does the next, and then it was not there.
  table.endUnseen(START + 60 * SECOND)
  expect(parts).toEqual([])
  table.listBegins()
  table.endUnseen(START + 120 * SECOND)
  expect(parts).toMatchObject([{ delta: counted(3), endReason: 5, endMicros: START + 60 * SECOND }])
  expect([table.lost, table.size]).toEqual([1, 0])
})

it('tells a connection whose end was missed from the next one with its ports and id', () => {
  const next = (one: Conntrack): Conntrack => ({ ...one, startMicros: START + 100 * SECOND })
  for (const isListed of [true, false]) {
    const { table, parts, created, listed, destroyed } = tableOf()
    created(fresh, 0)
    listed(live(3), 60)
    created(fresh, 100)
    if (isListed) listed(next(live(1)), 120)
    destroyed(next(over(2)), 130)
    expect(parts).toMatchObject([
      { delta: counted(3), endReason: 5, startMicros: START, endMicros: START + 60 * SECOND },
      { delta: counted(2), startMicros: START + 100 * SECOND },
    ])
    expect([table.lost, table.size]).toEqual([1, 0])
  }
})

it('does not take up again what ended while a list was made', () => {
  const { table, parts, created, listed, destroyed } = tableOf()
  created(fresh, 0)
  table.listBegins()
  destroyed(over(5), 1)
  listed(live(4), 1)
  table.endUnseen(0)
  expect([parts.length, table.size]).toEqual([1, 0])
  // The same addresses and id later are another connection.
  listed(live(4), 60)
  expect(table.size).toBe(1)
})

it('counts nothing twice after a restart, and knows what is gone', () => {
  const first = tableOf({ activeTimeoutMs: 1000 })
  first.listed(live(4), 10)
  const other = { ...live(2), id: 8 }
  first.listed(other, 10)
  const recorded = [...first.table.recorded()]
  expect(recorded).toHaveLength(2)

  const second = tableOf({ recorded })
  second.listed(live(6), 20)
  second.table.forgetBefore()
  second.destroyed(over(7), 30)
  second.destroyed({ ...over(2), id: 9 }, 30)
  expect(second.parts.map(({ delta }) => delta)).toEqual([counted(3), counted(2)])
  expect(second.table.lostInRestart).toBe(1)
  // An end right after the restart, before any list.
  const third = tableOf({ recorded })
  third.destroyed(over(7), 30)
  expect(third.parts.map(({ delta }) => delta)).toEqual([counted(3)])
})

it('is bounded, and what finds no room is exact all the same when it is short', () => {
  const { table, parts, created, destroyed } = tableOf({ maxFlows: 3 })
  const nth = (i: number, one: Conntrack): Conntrack => ({
    ...one,
    id: i,
    original: ports('192.0.2.9', i, '198.51.100.7', 443),
  })
  for (let i = 0; i < 10; i++) created(nth(i, fresh), 0)
  expect(table.size).toBe(3)
  for (let i = 0; i < 10; i++) destroyed(nth(i, over(5)), 1)
  expect(parts.map(({ delta }) => delta)).toEqual(Array.from({ length: 10 }, () => counted(5)))
  expect(table.size).toBe(0)
})

it('keeps tuples apart while it grows and slots are used again', () => {
  const { parts, table, created } = tableOf({ maxFlows: 5000 })
  const nth = (i: number): Conntrack => ({
    ...fresh,
    id: i,
    original: ports('192.0.2.9', i, '198.51.100.7', 443),
  })
  for (const [round, first] of [0, 20_000].entries()) {
    for (let i = first; i < first + 4000; i++) created(nth(i), round)
    table.endUnseen(START + (round + 1) * SECOND)
    expect(parts.splice(0).map(({ conntrack }) => conntrack.original.sourcePort)).toEqual(
      Array.from({ length: 4000 }, (_, i) => first + i),
    )
  }
  expect(table.lost).toBe(8000)
})
