import type { NetworkInterfaceInfo } from 'node:os'
import { expect, it } from 'vitest'
import { OwnAddresses } from './own-addresses.ts'

function info(cidr: string): NetworkInterfaceInfo {
  const [address = ''] = cidr.split('/')
  return { address, cidr, netmask: '', mac: '', internal: false, family: 'IPv4' }
}

it('knows what is its own, and follows it', () => {
  let home = [info('10.0.0.1/24'), info('2001:db8:1::1/64'), info('fe80::1/64')]
  const own = new OwnAddresses(() => ({ 'br-home': home, lan1: [info('10.0.1.1/24')] }))
  expect(['10.0.0.1', 'fe80::1', '10.0.1.1', '10.0.0.2'].map((a) => own.isLocal(a))).toEqual([
    true,
    true,
    true,
    false,
  ])
  expect(own.isOf('br-home', '10.0.0.77')).toBe(true)
  expect(own.isOf('br-home', '2001:db8:1::77')).toBe(true)
  expect(own.isOf('br-home', 'fe80::77')).toBe(false)
  expect(own.isOf('lan1', '10.0.0.77')).toBe(false)
  expect(own.isOf('gone0', '10.0.0.77')).toBe(false)
  home = [info('2001:db8:2::1/64')]
  own.refresh()
  expect(own.isLocal('10.0.0.1')).toBe(false)
  expect(own.isOf('br-home', '2001:db8:1::77')).toBe(false)
  expect(own.isOf('br-home', '2001:db8:2::77')).toBe(true)
  own.stop()
})
