import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { parseCidr } from '../lib/ip.ts'
import { randomUla } from './random-ula.ts'
import { freeAddress, starterText } from './starter.ts'
import { validate } from './validate.ts'

const modules = [{ name: 'kea', summary: 'DHCP\nserver', config: z.strictObject({}) }]
const usual = {
  hostname: 'gateway',
  timezone: 'Asia/Tokyo',
  ula: 'fd12:3456:789a::/48',
  wan: 'eth0',
  lan: ['eth1', 'eth2'],
  modules,
}

describe('starterText', () => {
  it('passes check, whatever the network', () => {
    const address = fc
      .tuple(fc.integer({ min: 8, max: 30 }), fc.nat(0xffffff), fc.nat())
      .map(([length, net, host]) => {
        const size = 2 ** (32 - length)
        const base = Math.floor((10 * 2 ** 24 + net) / size) * size
        const value = base + 1 + (host % (size - 2))
        return `${[24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')}/${length}`
      })
    fc.assert(
      fc.property(address, (own) => {
        const result = validate(starterText({ ...usual, address: own }), 'f', modules)
        expect(result.ok ? [] : result.issues).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('passes check with its examples uncommented', () => {
    const text = starterText({ ...usual, address: '10.0.0.1/24' })
    const begin = text.indexOf('networks:')
    const whole =
      text.slice(0, begin) + text.slice(begin).replace(/^( *)# ((?: *)(?:- \{|[a-z_]+:).*)$/gm, '$1$2')
    expect(whole).toContain('\n  guest:')
    const result = validate(whole, 'f', modules)
    expect(result.ok ? [] : result.issues).toEqual([])
    if (!result.ok) return
    expect(Object.keys(result.config.networks)).toEqual(['home', 'guest'])
    expect(result.config.firewall.forwards).toHaveLength(1)
    expect(result.config.networks.home?.dhcp?.reservations).toHaveLength(1)
  })

  it('quotes names that YAML would read as something else', () => {
    for (const port of ['1e3', '0x10', 'null', 'true', '1']) {
      const result = validate(starterText({ ...usual, wan: port, address: '10.0.0.1/24' }), 'f', modules)
      expect(result.ok && result.config.wan.interface).toBe(port)
    }
  })
})

describe('freeAddress', () => {
  it('keeps off the network in front of the router', () => {
    const taken = ['10.0.0.7/8', '192.168.10.2/24'].flatMap((text) => parseCidr(text)?.prefix ?? [])
    expect(freeAddress([])).toBe('10.0.0.1/24')
    expect(freeAddress(taken)).toBe('172.16.0.1/24')
  })
})

describe('randomUla', () => {
  it('gives a /48 in fd00::/8 that differs each time', () => {
    const now = new Date('2026-01-01T00:00:00Z')
    const made = Array.from({ length: 50 }, (_, i) =>
      randomUla(i % 2 === 0 ? '02:00:5e:10:00:01' : undefined, now),
    )
    for (const text of made) expect(text).toMatch(/^fd[0-9a-f]{2}:.*\/48$/)
    expect(new Set(made).size).toBeGreaterThan(45)
  })
})
