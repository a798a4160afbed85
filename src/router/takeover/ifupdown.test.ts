import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withoutDevices } from './ifupdown.ts'

const ours = new Set(['wan0', 'lan0'])

describe('withoutDevices', () => {
  it('comments out our stanzas only', () => {
    const text = `source /etc/network/interfaces.d/*

auto lo wan0
iface lo inet loopback

# the provider
allow-hotplug wan0
iface wan0 inet static
    address 192.0.2.2/24
    up ip route add \\
        198.51.100.0/24 dev wan0

iface wan0 inet6 auto

auto other
iface other inet dhcp
`
    const { text: out, found } = withoutDevices(text, ours)
    expect(found).toEqual(['wan0'])
    expect(out).toBe(`source /etc/network/interfaces.d/*

#sekisho# auto lo wan0
auto lo
iface lo inet loopback

# the provider
#sekisho# allow-hotplug wan0
#sekisho# iface wan0 inet static
#sekisho#     address 192.0.2.2/24
#sekisho#     up ip route add \\
#sekisho#         198.51.100.0/24 dev wan0

#sekisho# iface wan0 inet6 auto

auto other
iface other inet dhcp
`)
  })

  it.each([
    ['an alias', 'iface wan0:1 inet static\n  address 192.0.2.3/24\n'],
    ['a bridge over a port of ours', 'iface br0 inet dhcp\n  bridge_ports eth9 lan0\n'],
    ['a VLAN on a port of ours', 'iface vlan5 inet dhcp\n  vlan-raw-device lan0\n'],
  ])('takes %s as well', (_, text) => {
    expect(withoutDevices(text, ours).text).not.toMatch(/^iface/m)
  })

  it('leaves names that only begin like ours', () => {
    const text = 'auto wan01\niface wan01 inet dhcp\n'
    expect(withoutDevices(text, ours)).toEqual({ text, found: [] })
  })

  it('finds nothing the second time, whatever the text', () => {
    const word = fc.constantFrom(
      'auto',
      'iface',
      'wan0',
      'lan0',
      'lo',
      'inet',
      '\n',
      '\\\n',
      ' ',
      '#',
      'allow-hotplug',
      'mapping',
      'bridge_ports',
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        const once = withoutDevices(words.join(' '), ours).text
        expect(withoutDevices(once, ours).text).toBe(once)
      }),
    )
  })
})
