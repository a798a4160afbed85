import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanLabel, FORBIDDEN_NAMES, isForbiddenName, reverseName, reverseZones } from './names.ts'

describe('cleanLabel', () => {
  it.each([
    ['phone', 'phone'],
    ['PHONE', 'phone'],
    ['phone.example.org', 'phone'],
    ['phone.', 'phone'],
    ['phone\0', 'phone'],
    ["Mike's iPhone", 'mikes-iphone'],
    ['Mike’s iPhone', 'mikes-iphone'],
    ['living_room TV (2)', 'living-room-tv-2'],
    ['_gateway', 'gateway'],
    ['ＷＰＡＤ．example', 'wpad'],
    ['wpad。example', 'wpad'],
    ['太郎のPC', 'xn--pc-zb4a962p4e8c'],
    ['xn--pc-zb4a962p4e8c', 'xn--pc-zb4a962p4e8c'],
    ['bücher', 'xn--bcher-kva'],
    ['7even', '7even'],
    ['a'.repeat(63), 'a'.repeat(63)],
    ['"; local-data: "x', 'local-data-x'],
    ['a\\032b', 'a-032b'],
    ['<script>', 'script'],
  ])('makes %j into %j', (raw, label) => {
    expect(cleanLabel(raw)).toBe(label)
  })

  it.each([
    '',
    '.',
    '.phone',
    '-',
    '---',
    '💥',
    '12',
    '192.0.2.7',
    'a'.repeat(64),
    `${'a'.repeat(256)}`,
    'phone\nlocal-data',
    'phone\0wpad',
    'pho\u200bne',
    'phone\u202egpj',
    'phone\ufffd',
    '\ud800',
    'ab--cd',
    'xn--a',
    'xn--abc-',
    'xn--pc-zb4a962p4e8',
  ])('finds nothing in %j', (raw) => {
    expect(cleanLabel(raw)).toBeUndefined()
  })

  it('is safe and idempotent for any text', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.string({ unit: 'grapheme', maxLength: 80 }),
      fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      fc.string({
        unit: fc.constantFrom('x', 'n', '-', '.', 'a', '9', 'ß', '太', '"', '\n', '\0'),
        maxLength: 12,
      }),
    )
    fc.assert(
      fc.property(anything, (raw) => {
        const label = cleanLabel(raw)
        if (label === undefined) return
        expect(label).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
        expect(cleanLabel(label)).toBe(label)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('isForbiddenName', () => {
  it("knows the router's own name and the names that redirect others", () => {
    for (const name of ['gate', 'wpad', 'localhost', 'isatap']) {
      expect(isForbiddenName(name, { hostname: 'gate' })).toBe(true)
    }
    expect(isForbiddenName('phone', { hostname: 'gate' })).toBe(false)
  })

  it('lists names in the form that cleanLabel returns, or none would match', () => {
    for (const name of FORBIDDEN_NAMES) expect(cleanLabel(name)).toBe(name)
  })
})

describe('reverseName', () => {
  it('turns addresses round', () => {
    expect(reverseName('10.0.0.1')).toBe('1.0.0.10.in-addr.arpa.')
    expect(reverseName('2001:db8::567:89ab')).toBe(
      'b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.',
    )
    expect(reverseName('::ffff:192.0.2.1')).toMatch(/^1\.0\.2\.0\.0\.0\.0\.c\.f\.f\.f\.f\.0\./)
  })

  it.each(['', 'wpad', '10.0.0', '10.0.0.1/24', 'fe80::1%eth0'])('throws for %j', (text) => {
    expect(() => reverseName(text)).toThrow('is no IP address')
  })
})

describe('reverseZones', () => {
  it.each([
    ['10.0.0.0/24', ['0.0.10.in-addr.arpa.']],
    ['10.0.0.0/8', ['10.in-addr.arpa.']],
    ['10.0.2.0/23', ['2.0.10.in-addr.arpa.', '3.0.10.in-addr.arpa.']],
    ['192.0.2.4/31', ['4.2.0.192.in-addr.arpa.', '5.2.0.192.in-addr.arpa.']],
    ['fd12:3456:789a:1::/64', ['1.0.0.0.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa.']],
    [
      'fd12:3456:789a:2::/63',
      ['2.0.0.0.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa.', '3.0.0.0.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa.'],
    ],
  ])('covers %s', (prefix, zones) => {
    expect(reverseZones(prefix)).toEqual(zones)
  })

  it('ends every name of the prefix, and no other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: 32 }), fc.nat(0xffffffff), fc.nat(0xffffffff), (length, a, b) => {
        const mask = length === 32 ? 0xffffffff : ~(0xffffffff >>> length) >>> 0
        const dotted = (n: number) => [24, 16, 8, 0].map((s) => (n >>> s) & 255).join('.')
        const start = (a & mask) >>> 0
        const zones = reverseZones(`${dotted(start)}/${length}`)
        const covers = (n: number) => {
          const name = reverseName(dotted(n))
          return zones.some((zone) => name === zone || name.endsWith(`.${zone}`))
        }
        expect(covers((start | (b & ~mask)) >>> 0)).toBe(true)
        expect(covers(b)).toBe((b & mask) >>> 0 === start)
      }),
    )
  })
})
