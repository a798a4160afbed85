import { describe, expect, test } from 'vitest'
import { parseIp } from '../lib/ip.ts'
import { findParty } from './find-party.ts'
import { type Live, liveTwin, observeLive, wayTo } from './live.ts'

const ADDRESSES = [
  { ifname: 'lo', addr_info: [{ local: '127.0.0.1', prefixlen: 8 }] },
  {
    ifname: 'wan0',
    addr_info: [
      { local: '198.51.100.10', prefixlen: 24 },
      { local: 'fe80::1', prefixlen: 64 },
    ],
  },
  { ifname: 'br-home', addr_info: [{ local: '10.0.0.1', prefixlen: 24 }] },
  { ifname: 'lan0', master: 'br-home', addr_info: [] },
  { ifname: 'docker0', addr_info: [{ local: '172.17.0.1', prefixlen: 16 }] },
  { ifname: 'we ird; reboot', addr_info: [{ local: '10.9.0.1', prefixlen: 24 }] },
]
const ROUTES4 = [
  { dst: 'default', gateway: '198.51.100.1', dev: 'wan0', protocol: 'dhcp', metric: 1024 },
  { dst: '198.51.100.0/24', dev: 'wan0', protocol: 'kernel', prefsrc: '198.51.100.10' },
  { dst: '10.0.0.0/24', dev: 'br-home', protocol: 'kernel' },
  { dst: '172.17.0.0/16', dev: 'docker0', protocol: 'kernel' },
  { type: 'unreachable', dst: '10.99.0.0/16', dev: 'lo', protocol: 'static' },
  { dst: '192.0.2.0/24', nexthops: [{}, {}] },
]
const RULESET = `table inet sekisho {
	chain port_forwards_dnat {
		tcp dport 6000-6010 dnat ip to 10.0.0.21:80
		ct original proto-dst 0x1770 [invalid type]-0x177a [invalid type] accept
	}
}
# Warning: table ip nat is managed by iptables-nft, do not touch!
table ip nat {
	chain DOCKER {
		xt match "tcp" counter packets 0 bytes 0 xt target "DNAT"
	}
}
`

function liveOf(save: { code: number; stdout: string; stderr: string }): Promise<Live> {
  const answers: Record<string, string> = {
    'ip -json address': JSON.stringify(ADDRESSES),
    'ip -json -4 route': JSON.stringify(ROUTES4),
    'ip -json -6 route': '[]',
    'ip -json neigh': JSON.stringify([
      { dst: '10.0.0.20', dev: 'br-home', lladdr: '02:00:5e:00:00:01' },
      { dst: '10.0.0.22', dev: 'br-home', lladdr: '02:00:5e:00:00:01' },
      { dst: '10.0.0.9', dev: 'br-home' },
    ]),
    'nft --stateless list ruleset': RULESET,
    'ip rule': '0: from all lookup local\n32766: main\n32767: default\n',
  }
  return observeLive(
    async (argv) =>
      argv[0] === 'iptables-save' ? save : { code: 0, stdout: answers[argv.join(' ')] ?? '', stderr: '' },
    async (path) => (path.endsWith('ip_forward') ? '1\n' : undefined),
  )
}

const SAVED = {
  code: 0,
  stdout: '*nat\n-A DOCKER -p tcp -j DNAT --to-destination 172.17.0.2:80\nCOMMIT\n',
  stderr: '',
}

describe('a look at a live router', () => {
  test('takes what a twin can have, and says what it leaves out', async () => {
    const live = await liveOf(SAVED)
    expect(live.devices.map(({ name }) => name)).toEqual(['wan0', 'br-home', 'docker0'])
    expect(live.sysctls).toEqual({ 'net/ipv4/ip_forward': '1' })
    expect(live.notes).toEqual(['the route 192.0.2.0/24 has several next hops and has no part in this'])
    expect(live.rulesets.map(({ argv, optional }) => [argv[0], optional])).toEqual([
      ['nft', undefined],
      ['iptables-restore', true],
    ])
    // nft prints this and does not read it.
    expect(live.rulesets[0]?.text).toContain('ct original proto-dst 6000-6010 accept')
  })

  test('says so when what iptables made cannot be had', async () => {
    const { notes, rulesets } = await liveOf({ code: 127, stdout: '', stderr: 'not found' })
    expect(rulesets).toHaveLength(1)
    expect(notes).toContain('the rules that iptables made (ip) have no part in this: not found')
  })

  test('finds the way to an address by its longest prefix', async () => {
    const live = await liveOf(SAVED)
    const way = (text: string) => {
      const ip = parseIp(text)
      return ip && wayTo(ip, live)?.device
    }
    expect([way('10.0.0.20'), way('203.0.113.80'), way('172.17.0.9'), way('2001:db8::1')]).toEqual([
      'br-home',
      'wan0',
      'docker0',
      undefined,
    ])
  })

  test('a twin has the hosts asked for, with their MAC addresses, and everybody that packets may be led to', async () => {
    const live = await liveOf(SAVED)
    const asked = ['10.0.0.20', '203.0.113.80', '10.0.0.22', '10.0.0.20'].flatMap(
      (text) => parseIp(text) ?? [],
    )
    const { hosts, routes } = liveTwin(live, asked)
    expect(hosts.map(({ name, mac, addresses, behind }) => [name, mac, addresses, behind])).toEqual([
      ['wan0', undefined, ['198.51.100.1/24'], ['203.0.113.80/32']],
      ['br-home 02:00:5e:00:00:01', '02:00:5e:00:00:01', ['10.0.0.20/24', '10.0.0.22/24'], []],
      ['br-home', undefined, ['10.0.0.21/24'], []],
      ['docker0', undefined, ['172.17.0.2/16'], []],
    ])
    expect(routes).toEqual([
      'unreachable 10.99.0.0/16',
      'default via 198.51.100.1 dev wan0 onlink metric 1024',
    ])
  })
})

describe('whom a word means', () => {
  const devices = [
    {
      name: 'laptop',
      mac: '02:00:5e:00:00:01',
      addresses: ['10.0.0.20', 'fe80::9', 'fd12::20', '2001:db8:1::20'],
    },
  ]

  test('an address, a device, the Internet, the router as it faces somebody', async () => {
    const known = { live: await liveOf(SAVED), devices }
    const text = (word: string, other?: string) => {
      const far = other === undefined ? undefined : findParty(other, undefined, known)
      const party = findParty(word, typeof far === 'string' ? undefined : far, known)
      return typeof party === 'string'
        ? party
        : [party.v4?.value.toString(16), party.v6?.value.toString(16).slice(0, 8)]
    }
    expect(text('10.0.0.9')).toEqual(['a000009', undefined])
    expect(text('laptop')).toEqual(['a000014', '20010db8'])
    expect(text('02:00:5E:00:00:01')).toEqual(['a000014', '20010db8'])
    // Not the provider's own link, and not over IPv6, which has no way out.
    expect(text('wan')).toEqual(['cb00710a', undefined])
    expect(text('router', 'laptop')).toEqual(['a000001', undefined])
    expect(text('router', 'wan')).toEqual(['c633640a', undefined])
    expect(text('containers')).toEqual(['ac11fffe', undefined])
    expect(text('10.0.0.0/24')).toContain('is a prefix')
    expect(text('"; reboot')).toMatch(/^nobody is called .* Fix: /)
  })
})
