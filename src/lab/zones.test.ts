import { describe, expect, it } from 'vitest'
import { parentOf, rootHints, ZONES, zoneText } from './zones.ts'

function zone(name: string) {
  const found = ZONES.find((each) => each.name === name)
  if (found === undefined) throw new Error(`no zone ${name}`)
  return found
}

describe('ZONES', () => {
  it('is a tree with one root, and every zone comes before its parent', () => {
    expect(ZONES.filter((each) => parentOf(each) === undefined).map((each) => each.name)).toEqual([''])
    for (const each of ZONES) {
      const parent = parentOf(each)
      if (parent !== undefined) expect(ZONES.indexOf(each)).toBeLessThan(ZONES.indexOf(parent))
    }
  })

  it('takes the closest zone above as the parent', () => {
    expect(parentOf(zone('rebind.example.org'))?.name).toBe('example.org')
    expect(parentOf(zone('pool.ntp.org'))?.name).toBe('org')
    expect(parentOf(zone('org'))?.name).toBe('')
  })
})

describe('zoneText', () => {
  it('delegates with the DS of signed children and without one of unsigned ones', () => {
    const ds = new Map([
      ['example.org', 'example.org. 300 IN DS 1 13 2 AA'],
      ['rebind.example.org', 'rebind.example.org. 300 IN DS 2 13 2 BB'],
    ])
    const text = zoneText(zone('org'), ds)
    expect(text).toContain('\nexample.org. NS dns.ns.example.net.\nexample.org. 300 IN DS 1 13 2 AA\n')
    expect(text).toContain('\npool.ntp.org. NS dns.ns.example.net.\n')
    expect(text).not.toMatch(/^pool\.ntp\.org\. .*DS/m)
    expect(text).not.toContain('rebind')
  })

  it('has glue where a resolver has nobody else to ask, and only there', () => {
    expect(zoneText(zone(''), new Map())).toContain('\nroot.ns.example.net. A 203.0.113.1\n')
    expect(zoneText(zone('net'), new Map())).toContain('\ndns.ns.example.net. AAAA 2001:db8:80::3\n')
    expect(zoneText(zone('org'), new Map())).not.toContain('203.0.113.')
  })
})

it('hints at the root server by name and by both addresses', () => {
  expect(rootHints().trim().split('\n')).toEqual([
    '. 3600000 NS root.ns.example.net.',
    'root.ns.example.net. 3600000 A 203.0.113.1',
    'root.ns.example.net. 3600000 AAAA 2001:db8:80::1',
  ])
})
