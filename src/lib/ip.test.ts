import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contains, formatIp, formatPrefix, overlaps, parseCidr, parseIp, parseIpOrCidr } from './ip.ts'

describe('ip', () => {
  it('reads and writes addresses', () => {
    expect(parseIp('10.0.0.1')).toEqual({ version: 4, value: 167772161n })
    expect(formatIp({ version: 6, value: 1n })).toBe('::1')
    expect(parseIp('fe80::1%eth0')).toBeUndefined()
    expect(parseIp('010.0.0.1')).toBeUndefined()
  })

  it('reads prefixes and keeps host bits apart', () => {
    const cidr = parseCidr('10.0.0.77/24')
    expect(cidr && formatIp(cidr.ip)).toBe('10.0.0.77')
    expect(cidr && formatPrefix(cidr.prefix)).toBe('10.0.0.0/24')
    expect(parseCidr('10.0.0.1')).toBeUndefined()
    expect(parseCidr('10.0.0.0/33')).toBeUndefined()
    expect(parseCidr('10.0.0.0/024')).toBeUndefined()
    expect(parseIpOrCidr('2001:db8::1')?.prefix.length).toBe(128)
  })

  it('every IPv6 address survives a round trip', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const ip = parseIp(text)
        expect(ip && parseIp(formatIp(ip))).toEqual(ip)
      }),
    )
  })

  it('two prefixes overlap exactly when one contains the other', () => {
    const prefix = fc
      .tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))
      .map(([ip, length]) => parseCidr(`${ip}/${length}`)?.prefix)
    fc.assert(
      fc.property(prefix, prefix, (a, b) => {
        if (!a || !b) throw new Error('not read')
        expect(overlaps(a, b)).toBe(contains(a, b) || contains(b, a))
      }),
    )
  })
})
