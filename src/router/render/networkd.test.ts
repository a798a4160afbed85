import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expectGolden } from '../../../tests/golden.ts'
import { RouterConfig } from '../../config/schema.ts'
import { normalise } from '../normalise.ts'
import { renderNetworkd } from './networkd.ts'

const GOLDEN = join(import.meta.dirname, 'golden/networkd')
const ULA = 'fd12:3456:789a::/48'

const CASES: Readonly<Record<string, unknown>> = {
  'home-dhcp': {
    ula_prefix: ULA,
    wan: { mode: 'dhcp', interface: 'wan0' },
    networks: { home: { interfaces: ['lan0'], address: '10.0.0.1/24' } },
  },
  'bridge-and-guest': {
    ula_prefix: ULA,
    wan: { mode: 'dhcp', interface: 'wan0', mtu_bytes: 1454, mac: '02:00:5e:10:00:01' },
    networks: {
      home: { interfaces: ['lan0', 'lan1'], address: '10.0.0.1/24' },
      guest: { interfaces: ['lan2'], address: '10.0.1.1/24', subnet_id: 26 },
    },
  },
  'vlans-on-a-trunk': {
    wan: { mode: 'dhcp', interface: 'eth0', vlan: 10, mtu_bytes: 1508, ipv6: 'off' },
    networks: {
      home: { interfaces: ['eth1', { name: 'eth2', vlan: 30 }], address: '10.0.0.1/24' },
      guest: { interfaces: [{ name: 'eth1', vlan: 20 }], address: '10.0.20.1/24', subnet_id: 2 },
      lab: { interfaces: [{ name: 'eth0', vlan: 40 }], address: '10.0.40.1/24', subnet_id: 3 },
    },
  },
  'static-both': {
    ula_prefix: ULA,
    wan: {
      mode: 'static',
      interface: 'wan0',
      address: '203.0.113.2/29',
      gateway: '203.0.113.1',
      dns: ['192.0.2.53', '2001:db8::53'],
      address6: '2001:db8:0:1::2/64',
      gateway6: 'fe80::1',
      prefix6: '2001:db8:100::/48',
    },
    networks: { home: { interfaces: ['lan0'], address: '10.0.0.1/24' } },
  },
  pppoe: {
    ula_prefix: ULA,
    wan: {
      mode: 'pppoe',
      interface: 'wan0',
      mac: '02:00:5e:10:00:01',
      username: 'user@isp.example',
      password_file: '/etc/sekisho/secrets/pppoe',
    },
    networks: { home: { interfaces: ['lan0'], address: '10.0.0.1/24' } },
  },
  'pppoe-on-a-trunk': {
    wan: {
      mode: 'pppoe',
      interface: 'eth0',
      vlan: 10,
      mtu_bytes: 1500,
      username: 'user@isp.example',
      password_file: '/etc/sekisho/secrets/pppoe',
      ipv6: 'off',
    },
    networks: { home: { interfaces: ['eth1', { name: 'eth0', vlan: 40 }], address: '10.0.0.1/24' } },
  },
  'static-v4-only': {
    wan: {
      mode: 'static',
      interface: 'wan0',
      address: '203.0.113.2/29',
      gateway: '203.0.113.1',
      ipv6: 'off',
    },
    networks: { home: { interfaces: ['lan0'], address: '10.0.0.1/24' } },
  },
}

describe('networkd golden', () => {
  it.each(Object.entries(CASES))('%s', async (name, part) => {
    const router = normalise(RouterConfig.parse({ version: 1, hostname: 'gate', ...(part as object) }))
    const files = renderNetworkd(router)
    const root = 'host/etc/systemd/network/'
    await expectGolden(
      join(GOLDEN, name),
      Object.fromEntries(files.map(({ path, text }) => [path.slice(root.length), text])),
    )
    // One exact device a file: a pattern would take links that are not ours.
    const matched = files
      .filter((f) => f.path.endsWith('.network'))
      .map((f) => /^\[Match\]\nName=(.*)$/m.exec(f.text)?.[1])
    expect(new Set(matched).size).toBe(matched.length)
    for (const device of matched) expect(device).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/)
  })
})
