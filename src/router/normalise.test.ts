import { describe, expect, it } from 'vitest'
import { RouterConfig } from '../config/schema.ts'
import { normalise } from './normalise.ts'

const base = {
  version: 1,
  hostname: 'gateway',
  wan: { mode: 'dhcp', interface: 'eth0' },
  networks: {
    home: {
      interfaces: ['eth1', { name: 'eth2', vlan: 20 }],
      address: '10.0.0.1/24',
      dhcp: { pools: ['10.0.0.100 - 10.0.0.200'] },
    },
  },
}

function router(extra: object) {
  return normalise(RouterConfig.parse({ ...base, ...extra }))
}

describe('normalise', () => {
  it('fills in what one network leaves out', () => {
    const { networks, wan, containerPool } = router({})
    expect(networks).toEqual([
      {
        name: 'home',
        device: 'br-home',
        bridged: true,
        members: [
          { port: 'eth1', device: 'eth1' },
          { port: 'eth2', vlan: 20, device: 'eth2.20' },
        ],
        subnetId: 1,
        address: '10.0.0.1',
        prefixLength: 24,
        prefix: '10.0.0.0/24',
        broadcast: '10.0.0.255',
        dhcp: { pools: [{ first: '10.0.0.100', last: '10.0.0.200' }], leaseSecs: 43_200, reservations: [] },
        routerAccess: ['ssh', 'ping'],
      },
    ])
    expect(wan).toMatchObject({ device: 'eth0', ipv6: true, mtu: 1500 })
    expect(containerPool).toBe('172.30.0.0/16')
  })

  it('numbers the /64 of each network, in the ULA and in a static prefix', () => {
    const { networks, ulaPrefix } = router({
      ula_prefix: 'fd12:3456:789a::/48',
      wan: {
        mode: 'static',
        interface: 'eth0',
        vlan: 7,
        address: '192.0.2.2/29',
        gateway: '192.0.2.1',
        address6: '2001:db8::2/64',
        gateway6: '2001:db8::1',
        prefix6: '2001:db8:100::/56',
      },
      networks: {
        home: { ...base.networks.home, subnet_id: 10 },
        guest: { interfaces: ['eth3'], address: '10.0.1.1/24', subnet_id: 255 },
      },
    })
    expect(ulaPrefix).toBe('fd12:3456:789a::/48')
    expect(networks.map(({ ula, global }) => [ula, global])).toEqual([
      [
        { prefix: 'fd12:3456:789a:a::/64', address: 'fd12:3456:789a:a::1' },
        { prefix: '2001:db8:100:a::/64', address: '2001:db8:100:a::1' },
      ],
      [
        { prefix: 'fd12:3456:789a:ff::/64', address: 'fd12:3456:789a:ff::1' },
        { prefix: '2001:db8:100:ff::/64', address: '2001:db8:100:ff::1' },
      ],
    ])
    expect(networks.map((network) => network.routerAccess)).toEqual([['ssh', 'ping'], ['ping']])
  })

  it('keeps containers off every network and the static WAN', () => {
    const { containerPool } = router({
      wan: {
        mode: 'static',
        interface: 'eth0',
        address: '172.29.1.2/24',
        gateway: '172.29.1.1',
        dns: ['172.28.0.53'],
      },
      networks: { home: { interfaces: ['eth1'], address: '172.30.5.1/24' } },
    })
    expect(containerPool).toBe('172.27.0.0/16')
    const wide = router({ networks: { home: { interfaces: ['eth1'], address: '172.16.0.1/12' } } })
    expect(wide.containerPool).toBe('10.254.0.0/16')
  })

  it('is frozen throughout', () => {
    const { networks } = router({})
    expect(Object.isFrozen(networks[0]?.members)).toBe(true)
    expect(Object.isFrozen(networks[0]?.dhcp?.pools[0])).toBe(true)
  })
})
