import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  followPrefixes,
  type KnownPrefix,
  parseKnownPrefixes,
  presentPrefixes,
  SETTLE_SECS,
  TELL_SECS,
} from './stale-prefixes.ts'

const OLD = { network: 'home', prefix: '2001:0db8:0100:0001::/64' }
const NEW = { network: 'home', prefix: '2001:0db8:0200:0001::/64' }
const ULA = { network: 'home', prefix: 'fd4b:7a11:9c02:0001::/64' }

describe('followPrefixes', () => {
  test('a prefix that another replaced is called off at once, for two hours', () => {
    const before = followPrefixes([], [OLD, ULA], 1000)
    expect(before).toEqual({ known: [OLD, ULA], stale: [] })
    const after = followPrefixes(before.known, [NEW, ULA], 1002)
    expect(after.stale).toEqual([{ ...OLD, goneAt: 1002 }])
    const late = followPrefixes(after.known, [NEW, ULA], 1002 + TELL_SECS - 1)
    expect(late.stale).toEqual([{ ...OLD, goneAt: 1002 }])
    expect(followPrefixes(late.known, [NEW, ULA], 1002 + TELL_SECS)).toEqual({ known: [NEW, ULA], stale: [] })
  })

  test('one that nothing replaced may come back soon', () => {
    const gone = followPrefixes([OLD, ULA], [ULA], 1000)
    expect(gone.stale).toEqual([])
    expect(followPrefixes(gone.known, [OLD, ULA], 1003)).toEqual({ known: [OLD, ULA], stale: [] })
    expect(followPrefixes(gone.known, [ULA], 1000 + SETTLE_SECS).stale).toEqual([{ ...OLD, goneAt: 1000 }])
  })

  test('property: present is never stale, what is stale is known, and no more than a packet holds', () => {
    const one = fc.record({
      network: fc.constantFrom('home', 'guest'),
      prefix: fc.nat({ max: 30 }).map((n) => `2001:0db8:0000:${n.toString(16).padStart(4, '0')}::/64`),
    })
    const step = fc.tuple(fc.array(one, { maxLength: 4 }), fc.nat({ max: 3000 }))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let known: readonly KnownPrefix[] = []
        let now = 0
        for (const [present, later] of steps) {
          now += later
          const next = followPrefixes(known, present, now)
          const text = (list: readonly KnownPrefix[]) => list.map((p) => `${p.network} ${p.prefix}`)
          expect(text(next.stale).filter((p) => text(present).includes(p))).toEqual([])
          expect(text(next.stale).filter((p) => !text(next.known).includes(p))).toEqual([])
          expect(next.stale.length).toBeLessThanOrEqual(16)
          expect(parseKnownPrefixes(JSON.stringify(next.known))).toEqual(next.known)
          known = next.known
        }
      }),
    )
  })

  test('mutation: what was remembered wrongly is nothing', () => {
    fc.assert(fc.property(fc.string(), (text) => parseKnownPrefixes(text).length === 0))
    const odd = { network: 'home', prefix: '2001:0db8:0100:0001::/64\n[Network]\nAddress=192.0.2.1/24' }
    expect(parseKnownPrefixes(JSON.stringify([null, 7, odd, { ...OLD, network: '../x' }, OLD]))).toEqual([
      OLD,
    ])
  })
})

test('presentPrefixes reads the kernel’s table', () => {
  const table = `20010db8010000010000000000000001 07 40 00 00  br-home
20010db8010000010000000000000002 07 40 00 00  br-home
fd4b7a119c0200010000000000000001 07 40 00 80  br-home
fe80000000000000b8b73efffe1c0ef4 07 40 20 80  br-home
20010db8000000010000000000001001 02 80 00 80     wan0
00000000000000000000000000000001 01 80 10 80       lo
`
  const networks = [
    { name: 'home', device: 'br-home' },
    { name: 'guest', device: 'lan1' },
  ]
  expect(presentPrefixes(table, networks)).toEqual([OLD, ULA])
  fc.assert(fc.property(fc.string(), (text) => Array.isArray(presentPrefixes(text, networks))))
})
