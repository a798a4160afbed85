import { expect, it } from 'vitest'
import { connection } from '../../../tests/conntrack.ts'
import { Destinations } from './destinations.ts'
import { END_REASON, type FlowPart } from './flow-table.ts'
import { Names } from './names.ts'

const T = 1_790_000_000_000
const HOME = { zone: 'home' }
const WAN = { zone: 'wan' }
const NOWHERE = {}

const part = (endReason: FlowPart['endReason']): FlowPart => ({
  key: 1,
  conntrack: connection(),
  delta: { originalPackets: 1, originalBytes: 100, replyPackets: 1, replyBytes: 100 },
  startMicros: T * 1000,
  endMicros: T * 1000,
  endReason,
})

it('keeps the name of a long connection until it ends, in whatever zone it is then', () => {
  for (const [source, destination] of [
    [HOME, WAN],
    [HOME, HOME],
    [NOWHERE, WAN],
  ] as const) {
    const names = new Names()
    const destinations = new Destinations(names, T)
    const addresses = [{ address: '198.51.100.7', ttl: 60 }]
    names.add({ timeMs: T, client: '192.0.2.9', name: 'www.example.org', addresses })
    const found = { name: 'www.example.org', status: 'asked' }
    expect(destinations.find(part(END_REASON.active), HOME, WAN)).toEqual(found)
    expect(destinations.kept(1)).toEqual(found)
    destinations.find(part(END_REASON.ended), source, destination)
    expect(destinations.kept(1)).toBeUndefined()
  }
})
