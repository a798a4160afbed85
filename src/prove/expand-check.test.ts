import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { HOME, sampleRouter } from '../../tests/sample-router.ts'
import type { Check } from '../config/schema.ts'
import { validate } from '../config/validate.ts'
import { NOTHING } from '../router/desired.ts'
import type { Firewall } from '../router/model.ts'
import { normalise } from '../router/normalise.ts'
import { type Subject, stageOf } from './candidate.ts'
import { trialsOf } from './expand-check.ts'
import { packetText } from './prove.ts'

const MODULES = ['unbound', 'kea', 'chrony', 'recorder', 'watch'].map((name) => ({
  name,
  config: z.looseObject({}),
}))

function packetsOf(
  check: Omit<Check, 'why'>,
  firewall: Partial<Firewall>,
  networks = sampleRouter().networks,
): string[] {
  const router = sampleRouter({
    networks,
    firewall: { deny: [], allow: [], forwards: [], pinholes: [], ...firewall },
    containerPool: '172.30.0.0/16',
  })
  const subject: Subject = { router, desired: NOTHING, outputs: new Map(), checks: [check] }
  return trialsOf(check, stageOf(subject), subject).map(({ probe }) => packetText(probe))
}

const port = (from: number, to = from) => ({ from, to })

describe('the packets of a check', () => {
  test('are those it names, over both IP versions where a name has both', () => {
    const check = {
      from: 'home',
      to: 'wan',
      protocol: 'tcp',
      ports: [port(25), port(6000, 6010)],
      expect: 'reached',
    } as const
    expect(packetsOf({ ...check, ports: [...check.ports] }, {})).toEqual([
      'TCP 10.0.0.129 → 198.51.100.10 port 25',
      'TCP 10.0.0.129 → 198.51.100.10 port 6000',
      'TCP 10.0.0.129 → 198.51.100.10 port 6010',
      'TCP 2001:db8:ff00:1:5e00:0:5e10:1 → 2001:db8:ffff::10 port 25',
      'TCP 2001:db8:ff00:1:5e00:0:5e10:1 → 2001:db8:ffff::10 port 6000',
      'TCP 2001:db8:ff00:1:5e00:0:5e10:1 → 2001:db8:ffff::10 port 6010',
    ])
  })

  test('meet the edges of every rule between the two, from and to whom it is for', () => {
    const allow: Firewall['allow'] = [
      {
        from: 'guest',
        to: 'home',
        protocol: 'udp',
        ports: [port(5000, 5010)],
        source: '10.0.20.64/26',
        destination: '10.0.0.30',
      },
      { from: 'home', to: 'guest', protocol: 'any' },
    ]
    const packets = packetsOf({ from: 'guest', to: 'home', protocol: 'udp', expect: 'blocked' }, { allow })
    // The ordinary guest is none of those the rule is for.
    expect(packets).toContain('UDP 10.0.20.128 → 10.0.0.129 port 5010')
    expect(packets).toContain('UDP 10.0.20.96 → 10.0.0.30 port 5000')
    expect(packets).toContain('UDP 10.0.20.96 → 10.0.0.30 port 5010')
  })

  test('from the WAN go to its address, and straight inside where nothing may arrive', () => {
    const forwards: Firewall['forwards'] = [{ port: port(443), protocol: 'tcp', to: '10.0.0.20' }]
    const check = { from: 'wan', to: '10.0.0.20', protocol: 'tcp', ports: [port(443)] } as const
    expect(packetsOf({ ...check, ports: [port(443)], expect: 'reached' }, { forwards })).toEqual([
      'TCP 198.51.100.10 → 192.0.2.2 port 443',
    ])
    expect(packetsOf({ ...check, ports: [port(443)], expect: 'blocked' }, { forwards })).toEqual([
      'TCP 198.51.100.10 → 192.0.2.2 port 443',
      'TCP 198.51.100.10 → 10.0.0.20 port 443',
    ])
  })

  test("a device's name is the device with its MAC address, an address is just that", () => {
    const check = { to: 'wan', protocol: 'icmp', expect: 'reached' } as const
    expect(packetsOf({ ...check, from: 'printer' }, {})).toEqual([
      'ICMP echo 10.0.0.7 → 198.51.100.10',
      'ICMPv6 echo 2001:db8:ff00:1:0:5eff:fe10:7 → 2001:db8:ffff::10',
    ])
    expect(packetsOf({ ...check, from: '10.0.0.7' }, {})).toEqual(['ICMP echo 10.0.0.7 → 198.51.100.10'])
  })

  test('to the router go to what it is called there, and to its other addresses where nothing may arrive', () => {
    const check = { from: 'guest', to: 'router', protocol: 'tcp', ports: [port(22)] } as const
    expect(packetsOf({ ...check, ports: [port(22)], expect: 'reached' }, {})).toHaveLength(2)
    const all = packetsOf({ ...check, ports: [port(22)], expect: 'blocked' }, {})
    expect(all.map((text) => text.split(' ')[3])).toEqual(
      expect.arrayContaining(['10.0.20.1', '10.0.0.1', '192.0.2.2', '172.30.0.1', '2001:db8:fff0::2']),
    )
  })

  test('a network that is full has them over IPv6 only', () => {
    const full = { ...HOME, prefix: '10.0.0.0/30', prefixLength: 30, broadcast: '10.0.0.3' }
    const reservations = [{ name: 'nas', mac: '02:00:5e:10:00:08', address: '10.0.0.2' }]
    const networks = [{ ...full, dhcp: { pools: [], leaseSecs: 60, reservations } }]
    const check = { from: 'home', to: 'wan', protocol: 'icmp', expect: 'reached' } as const
    expect(packetsOf(check, {}, networks)).toEqual([
      'ICMPv6 echo 2001:db8:ff00:1:5e00:0:5e10:1 → 2001:db8:ffff::10',
    ])
  })
})

describe('whatever passes validation', () => {
  const file = readFileSync(new URL('../../examples/office.yaml', import.meta.url), 'utf8')
  const ends = fc.constantFrom(
    'wan',
    'router',
    'containers',
    'staff',
    'guest',
    'devices',
    'files',
    'printer',
    '02:00:5e:10:00:01',
    '10.10.0.12',
    '10.10.0.1',
    '10.10.1.5',
    '198.51.100.7',
    '192.0.2.9',
    '172.30.0.2',
    '10.10.9.9',
    '::5eff:fe10:2',
    '::1',
    '2001:db8:a00:1::5',
    '2001:db8:ffff::1',
    'fd8e:204b:f16d:1::9',
    'fe80::1',
    'x',
  )
  const ports = fc.constantFrom(
    '',
    ', protocol: tcp, ports: [443]',
    ', protocol: icmp',
    ', protocol: udp, ports: [1-65535]',
  )

  test('has packets, or none, and is no exception', () => {
    fc.assert(
      fc.property(ends, ends, ports, fc.constantFrom('reached', 'blocked'), (from, to, traffic, expected) => {
        const text = file.replace(
          /^checks:[\s\S]*?^modules:/m,
          `checks:\n  - { from: "${from}", to: "${to}"${traffic}, expect: ${expected} }\nmodules:`,
        )
        const valid = validate(text, 'router.yaml', MODULES)
        if (!valid.ok) return
        const router = normalise(valid.config)
        const subject: Subject = { router, desired: NOTHING, outputs: new Map(), checks: valid.config.checks }
        const stage = stageOf(subject)
        const senders = new Map(
          stage.spec.hosts.map(({ name, addresses, behind }) => [name, [...addresses, ...behind]]),
        )
        for (const check of valid.config.checks) {
          for (const { probe } of trialsOf(check, stage, subject)) {
            // Whoever sends has the address that it sends from.
            expect(
              senders.get(probe.from)?.some((one) => one.startsWith(`${probe.source}/`)),
              packetText(probe),
            ).toBe(true)
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})
