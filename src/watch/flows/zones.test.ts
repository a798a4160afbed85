import type { NetworkInterfaceInfo } from 'node:os'
import { expect, it } from 'vitest'
import { placesOf } from './zones.ts'

function on(...cidrs: readonly string[]): NetworkInterfaceInfo[] {
  return cidrs.map((cidr) => {
    const [address = ''] = cidr.split('/')
    const common = { address, netmask: '', mac: '02:00:5e:10:00:01', internal: false, cidr }
    return address.includes(':')
      ? ({ ...common, family: 'IPv6', scopeid: 0 } as const)
      : ({ ...common, family: 'IPv4' } as const)
  })
}

const placeOf = placesOf({
  networks: [
    { name: 'home', device: 'br-home', prefix: '10.0.0.1/24' },
    { name: 'guest', device: 'enp3s0', prefix: '10.0.9.1/24' },
  ],
  wanDevice: 'enp1s0',
  interfaces: {
    lo: on('127.0.0.1/8', '::1/128'),
    enp1s0: on('203.0.113.7/24', '2001:db8:ffff::7/64', 'fe80::1/64'),
    'br-home': on('10.0.0.1/24', 'fd01::1/64', '2001:db8:1::1/64', 'fe80::1/64'),
    'br-0a1b2c3d4e5f': on('172.31.200.1/24'),
    wg0: on('192.0.2.1/24'),
  },
})

it.each([
  ['10.0.0.9', { zone: 'home', device: 'br-home' }],
  ['fd01::9', { zone: 'home', device: 'br-home' }],
  ['2001:db8:1::9', { zone: 'home', device: 'br-home' }],
  // Its device has no address now: the network's own prefix is known all the same.
  ['10.0.9.9', { zone: 'guest', device: 'enp3s0' }],
  ['10.0.0.1', { zone: 'router' }],
  ['203.0.113.7', { zone: 'router' }],
  ['2001:db8:1::1', { zone: 'router' }],
  ['fe80::1', { zone: 'router' }],
  ['127.0.0.53', { zone: 'router' }],
  ['172.31.200.9', { zone: 'containers', device: 'br-0a1b2c3d4e5f' }],
  ['203.0.113.8', { zone: 'wan', device: 'enp1s0' }],
  ['198.51.100.7', { zone: 'wan', device: 'enp1s0' }],
  ['2001:db8:ffff::8', { zone: 'wan', device: 'enp1s0' }],
  ['192.0.2.9', { zone: 'wan', device: 'enp1s0' }],
  ['224.0.0.251', {}],
  ['255.255.255.255', {}],
  ['ff02::fb', {}],
  ['fe80::9', {}],
])('%s', (address, place) => {
  expect(placeOf(address)).toEqual(place)
  // As it was kept.
  expect(placeOf(address)).toEqual(place)
})
