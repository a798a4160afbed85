import { describe, expect, it } from 'vitest'
import { sampleRouter } from '../../../tests/sample-router.ts'
import { zonesOf } from '../generated.ts'
import { renderNetworkd } from '../render/networkd.ts'
import { hintsOf, noticesOf, outcomeOf } from './impact.ts'
import type { Step } from './step.ts'

const LINKS = { netdevs: [], devices: [], delegated: {}, sets: { address: [], mtu: [] }, wanted: [] }
const zones = zonesOf(renderNetworkd(sampleRouter()))
const common = { owner: 'core', impact: 'none', says: '' } as const

function links(...changed: readonly string[]): Step {
  return { ...common, do: 'networkd', before: LINKS, after: LINKS, changed, mended: [], zones, found: {} }
}
const firewall: Step = { ...common, do: 'firewall', before: true, after: true }
const restart: Step = {
  ...common,
  do: 'restart',
  unit: 'sekishod.service',
  ifActive: false,
  impact: 'restart',
}
const reconnect: Step = { ...restart, unit: 'sekisho-pppoe.service', impact: 'reconnect' }
const containers: Step = {
  ...common,
  do: 'compose',
  before: true,
  after: true,
  services: ['dns'],
  pauses: { dns: 'no names for \u001b[2J 2 s' },
  impact: 'restart',
}
const forwarding = (after: string): Step => ({
  ...common,
  do: 'sysctl',
  key: 'net/ipv4/ip_forward',
  before: '1',
  after,
  ownedBefore: true,
  ownedAfter: after === '1',
  others: {},
})

it('the devices of our networkd files belong to the WAN or to a network, ports of a bridge too', () => {
  expect(zones).toMatchObject({ wan0: 'wan', 'br-home': 'home', lan0: 'home', 'lan1.20': 'guest' })
})

describe('what one notices', () => {
  it('of a step', () => {
    expect(noticesOf(links('wan0', 'lan0', 'br-home', 'other0'))).toEqual([
      'home pauses for about a second',
      'other0 pauses for about a second',
      'the WAN reconnects, which takes up to 5 s',
    ])
    expect(noticesOf(restart)).toEqual(['it is back in about a second; nothing that forwards is touched'])
    expect(noticesOf(reconnect)).toEqual(['the WAN reconnects, which takes some seconds'])
    expect(noticesOf(containers)).toEqual(['dns: no names for \\x1b[2J 2 s'])
    expect(noticesOf(firewall)).toEqual([])
  })

  it.each<[string, readonly Step[], RegExp]>([
    ['files alone', [], /^Nothing that forwards is touched\.$/],
    ['rules', [firewall], /^Forwarding goes on without a pause\.$/],
    ['containers', [containers], /^Nothing that forwards is touched; what restarts/],
    ['rules and containers', [firewall, containers], /^Forwarding goes on without a pause; what restarts/],
    ['a network', [links('lan1.20'), firewall, restart], /^Connections over guest may pause/],
    ['another dial-in', [reconnect], /^Connections over the WAN may pause/],
    ['forwarding, which stays on', [forwarding('1')], /^Nothing that forwards is touched\.$/],
    ['forwarding, which ends', [forwarding('0'), links('wan0')], /^Nothing is forwarded any more\.$/],
  ])('of %s', (_, steps, words) => expect(outcomeOf(steps)).toMatch(words))

  it('of a network under other addresses, which its hosts have to ask for', () => {
    const change = (path: readonly string[]) => ({ path, kind: 'changed' as const, says: '' })
    expect(
      hintsOf([change(['networks', 'guest', 'address']), change(['networks', 'guest', 'dhcp'])]),
    ).toEqual(['Hosts of guest keep their old addresses until they ask anew: reconnect them.'])
  })
})
