import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expectGolden } from '../../../tests/golden.ts'
import { contextFor, GUEST, goldenOf, HOME, sampleRouter } from '../../../tests/sample-router.ts'
import { NAME_TTL_SECS } from '../../agent/diff-names.ts'
import type { Provided } from '../../router/module.ts'
import { unbound } from './module.ts'

const TIME: Provided = { capability: 'time', module: 'chrony', names: ['2.debian.pool.ntp.org'] }
const GLOBAL = { prefix: '2001:db8:1:1::/64', address: '2001:db8:1:1::1' }

/** The values of one option in the generated file, in order. */
function values(
  option: string,
  ...args: Parameters<typeof contextFor> extends [unknown, ...infer R] ? R : never
) {
  const text = unbound.build(contextFor(unbound, ...args)).files[0]?.text ?? ''
  return text
    .split('\n')
    .filter((line) => line.startsWith(`  ${option}: `))
    .map((line) => line.slice(option.length + 4))
}

describe('golden', () => {
  const { ula: _, dhcp: __, ...bare } = HOME
  const cases = {
    home: contextFor(unbound, {}, sampleRouter(), [TIME]),
    custom: contextFor(
      unbound,
      {
        forward_to: ['192.0.2.53', '2001:db8::53'],
        private_domains: ['nas.example.org'],
        cache_bytes: 8 * 1024 * 1024,
        trust_anchor_file: '/etc/sekisho/trust-anchor.key',
        root_hints_file: '/etc/sekisho/root.hints',
      },
      sampleRouter({ domain: 'lan.example.org', networks: [{ ...bare, global: GLOBAL }] }),
    ),
  }
  it.each(Object.entries(cases))('%s', async (name, ctx) => {
    await expectGolden(join(import.meta.dirname, 'golden', name), goldenOf(unbound.build(ctx)))
  })
})

describe('who is served', () => {
  it('refuses everyone but the router and exactly its networks', () => {
    expect(values('access-control', {}, sampleRouter({ networks: [{ ...HOME, global: GLOBAL }] }))).toEqual([
      '0.0.0.0/0 refuse',
      '::/0 refuse',
      '127.0.0.0/8 allow',
      '::1/128 allow',
      '10.0.0.0/24 allow',
      'fd12:3456:789a:1::/64 allow',
      '2001:db8:1:1::/64 allow',
    ])
  })

  it('listens on the addresses of the networks and never on all', () => {
    const addresses = [
      '127.0.0.1',
      '::1',
      '10.0.0.1',
      'fd12:3456:789a:1::1',
      '10.0.20.1',
      'fd12:3456:789a:2::1',
    ]
    expect(values('interface', {})).toEqual(addresses)
    const [service] = unbound.build(contextFor(unbound, {})).services
    expect(service?.listens).toEqual([
      { protocol: 'udp', port: 53, addresses },
      { protocol: 'tcp', port: 53, addresses },
    ])
  })
})

describe('names', () => {
  it('has the router and the reservations, forward and reverse, once each', () => {
    const data = values('local-data', {}).filter((line) => !/ (SOA|NS) /.test(line))
    expect(data).toEqual([
      '"gate.home.arpa. 300 IN A 10.0.0.1"',
      '"1.0.0.10.in-addr.arpa. 300 IN PTR gate.home.arpa."',
      '"gate.home.arpa. 300 IN AAAA fd12:3456:789a:1::1"',
      '"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa. 300 IN PTR gate.home.arpa."',
      '"gate.home.arpa. 300 IN A 10.0.20.1"',
      '"1.20.0.10.in-addr.arpa. 300 IN PTR gate.home.arpa."',
      '"gate.home.arpa. 300 IN AAAA fd12:3456:789a:2::1"',
      '"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa. 300 IN PTR gate.home.arpa."',
      '"printer.home.arpa. 300 IN A 10.0.0.7"',
      '"7.0.0.10.in-addr.arpa. 300 IN PTR printer.home.arpa."',
      '"nas.home.arpa. 300 IN A 10.0.0.200"',
      '"200.0.0.10.in-addr.arpa. 300 IN PTR nas.home.arpa."',
    ])
  })

  it('cannot be taken for the names of the host agent, which removes those by their TTL', () => {
    const ttls = values('local-data', {}).map((line) => Number(line.split(' ')[1]))
    expect(ttls.length).toBeGreaterThan(0)
    expect(ttls).not.toContain(NAME_TTL_SECS)
  })

  it('declares no zone twice when networks share one', () => {
    const half = { ...GUEST, prefix: '10.0.0.0/23', prefixLength: 23 }
    const zones = values('local-zone', {}, sampleRouter({ networks: [HOME, half] }))
    expect(new Set(zones).size).toBe(zones.length)
  })

  it('lets the names of the time servers resolve before the clock is right', () => {
    expect(values('domain-insecure', {}, sampleRouter(), [TIME])).toEqual(['"2.debian.pool.ntp.org."'])
    expect(values('domain-insecure', {})).toEqual([])
  })
})

describe('config', () => {
  it('refuses to forward to itself', () => {
    const issues = unbound.check?.(contextFor(unbound, { forward_to: ['192.0.2.53', '10.0.0.1', '::1'] }))
    expect(issues?.map((issue) => issue.path.at(-1))).toEqual([1, 2])
    expect(unbound.check?.(contextFor(unbound, { forward_to: ['192.0.2.53'] }))).toEqual([])
  })

  it.each([
    { forward_to: ['192.0.2.53@53\n  chroot: x'] },
    { private_domains: ['example.org"\n  x: "'] },
    { trust_anchor_file: 'root.key' },
    { cache_bytes: 1 },
    { unknown: 1 },
  ])('refuses %j', (config) => {
    expect(unbound.config.safeParse(config).success).toBe(false)
  })

  it('shows a user file to the container under our name, whatever its own is', () => {
    const source = '/etc/my "odd" $name'
    const [service] = unbound.build(contextFor(unbound, { trust_anchor_file: source })).services
    expect(service?.mounts).toContainEqual({ kind: 'host', source, target: '/etc/unbound/trust-anchor.key' })
    expect(values('trust-anchor-file', { trust_anchor_file: source })).toEqual([
      '/etc/unbound/trust-anchor.key',
    ])
    expect(values('auto-trust-anchor-file', { trust_anchor_file: source })).toEqual([])
  })
})
