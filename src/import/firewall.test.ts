import { describe, expect, it } from 'vitest'
import { parseCidr } from '../lib/ip.ts'
import { importFirewall } from './firewall.ts'
import { readIptables } from './iptables.ts'
import type { Noted } from './noted.ts'
import { ReportBook } from './report.ts'
import type { OldZones } from './zones.ts'

const home = parseCidr('10.0.0.1/24')
if (!home) throw new Error('not an address')
const ZONES: OldZones = {
  wan: ['ppp0', 'eth0'],
  networks: [{ name: 'home', prefix: home.prefix, address: home.ip, devices: ['eth1'] }],
}

function importOf(text: string) {
  const read = readIptables({ file: 'iptables', text })
  if (!read.ok) throw new Error(JSON.stringify(read.issues))
  const book = new ReportBook()
  const { access, allow, deny, forwards } = importFirewall(read.iptables, ZONES, book)
  const lines = (section: 'carried' | 'left') =>
    book.report[section].map(({ from, why }) => `${from.split(':')[1] ?? ''} ${why}`)
  return {
    access: access.get('home'),
    allow: allow.map(plain),
    deny: deny.map(plain),
    forwards: forwards.map(plain),
    carried: lines('carried'),
    left: lines('left'),
  }
}

function plain({ of }: Noted): unknown {
  if (typeof of !== 'object') return of
  if (Array.isArray(of)) return of.map(plain)
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, plain(value as Noted)]))
}

const filter = (...lines: string[]) => `*filter\n:INPUT DROP\n:FORWARD DROP\n${lines.join('\n')}\nCOMMIT\n`

describe('the rules of a later Docker', () => {
  const docker = `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.18.0.0/16 ! -o br-0a1b2c3d4e5f -j MASQUERADE
-A POSTROUTING -s 172.18.0.2/32 -d 172.18.0.2/32 -p udp -m udp --dport 53 -j MASQUERADE
-A DOCKER -i br-0a1b2c3d4e5f -j RETURN
-A DOCKER ! -i br-0a1b2c3d4e5f -p udp -m udp --dport 53 -j DNAT --to-destination 172.18.0.2:53
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o br-0a1b2c3d4e5f -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o br-0a1b2c3d4e5f -j DOCKER
-A FORWARD -i br-0a1b2c3d4e5f ! -o br-0a1b2c3d4e5f -j ACCEPT
-A FORWARD -i br-0a1b2c3d4e5f -o br-0a1b2c3d4e5f -j ACCEPT
-A DOCKER -d 172.18.0.2/32 ! -i br-0a1b2c3d4e5f -o br-0a1b2c3d4e5f -p udp -m udp --dport 53 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i br-0a1b2c3d4e5f ! -o br-0a1b2c3d4e5f -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o br-0a1b2c3d4e5f -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
`
  it('are all known, and become nothing', () => {
    const { allow, forwards, left, carried } = importOf(docker)
    expect({ allow, forwards }).toEqual({ allow: [], forwards: [] })
    expect(left.filter((line) => /^\d/.test(line))).toEqual([])
    expect(carried).toEqual([' Docker makes them itself'])
  })
})

describe('to the router', () => {
  it('ssh and ping are router_access, the rest firewall.allow', () => {
    const { access, allow } = importOf(
      filter(
        '-A INPUT -i eth1 -p tcp -m multiport --dports 22,8080:8090 -j ACCEPT',
        '-A INPUT -i eth1 -p icmp -j ACCEPT',
      ),
    )
    expect(access).toEqual(['ssh', 'ping'])
    expect(allow).toEqual([
      { from: 'home', to: 'router', protocol: 'tcp', ports: ['8080-8090'], why: 'iptables line 4' },
    ])
  })

  it('an exception before a rule becomes firewall.deny; what it excepted itself is told', () => {
    const { deny, access, left } = importOf(
      filter(
        '-A INPUT -s 10.0.0.5 -p tcp --dport 22 -j ACCEPT',
        '-A INPUT -s 10.0.0.0/28 -j DROP',
        '-A INPUT -i eth1 -p tcp --dport 22 -j ACCEPT',
      ),
    )
    expect(access).toEqual(['ssh'])
    expect(deny).toContainEqual({ from: 'home', to: 'router', source: '10.0.0.0/28', why: 'iptables line 5' })
    expect(left).toContainEqual(expect.stringMatching(/^4 as an exception to line 5/))
  })

  it('a device is refused by its MAC address, and not allowed by it', () => {
    const { deny, allow, left } = importOf(
      filter(
        '-A INPUT -m mac --mac-source 02:00:5E:10:00:01 -j DROP',
        '-A INPUT -m mac --mac-source 02:00:5e:10:00:02 -p tcp --dport 80 -j ACCEPT',
      ),
    )
    expect(deny).toContainEqual({
      from: 'home',
      to: 'router',
      source: '02:00:5e:10:00:01',
      why: 'iptables line 4',
    })
    expect(allow).toEqual([])
    expect(left).toContainEqual(expect.stringMatching(/^5 .*MAC addresses/))
  })

  it('nothing opens all of the router to the Internet', () => {
    const { allow, left } = importOf('*filter\n:INPUT ACCEPT\n-A INPUT -i eth0 -p tcp -j ACCEPT\nCOMMIT\n')
    expect(allow).toEqual([])
    expect(left).toContainEqual(expect.stringMatching(/^3 it opens every port/))
    expect(left).toContainEqual(expect.stringMatching(/^2 here only what is allowed passes/))
  })
})

it('an open INPUT chain leaves the networks what router_access has a word for', () => {
  const open = (...lines: string[]) => importOf(`*filter\n:INPUT ACCEPT\n${lines.join('\n')}\nCOMMIT\n`)
  expect(open()).toMatchObject({ access: ['ssh', 'ping'], deny: [] })
  expect(open('-A INPUT -p tcp --dport 22 -j DROP').access).toEqual(['ping'])
  expect(open('-A INPUT -s 10.0.0.9 -p tcp --dport 22 -j DROP')).toMatchObject({
    access: ['ssh', 'ping'],
    deny: [{ from: 'home', to: 'router', protocol: 'tcp', ports: [22], source: '10.0.0.9' }],
  })
  expect(importOf('*nat\nCOMMIT\n').access).toEqual(['ssh', 'ping'])
})

describe('forwards', () => {
  const nat = (...lines: string[]) => `*nat\n${lines.join('\n')}\nCOMMIT\n`
  const dnat = '-A PREROUTING -i ppp0 -p tcp --dport 8080 -j DNAT --to-destination 10.0.0.20:80'

  it('need what the FORWARD chain let through', () => {
    const yes = { port: 8080, to: '10.0.0.20', to_port: 80, why: 'iptables line 2' }
    expect(importOf(nat(dnat) + filter()).forwards).toEqual([])
    expect(
      importOf(nat(dnat) + filter('-A FORWARD -d 10.0.0.20 -p tcp --dport 80 -j ACCEPT')).forwards,
    ).toEqual([yes])
    expect(
      importOf(nat(dnat) + filter('-A FORWARD -d 10.0.0.20 -p tcp --dport 81 -j ACCEPT')).forwards,
    ).toEqual([])
    expect(importOf(nat(dnat) + filter('-A FORWARD -s 192.0.2.0/24 -p tcp -j ACCEPT')).forwards).toEqual([
      { ...yes, source: '192.0.2.0/24', why: yes.why },
    ])
    expect(
      importOf(nat(dnat) + filter('-A FORWARD -d 10.0.0.20 -j DROP', '-A FORWARD -j ACCEPT')).forwards,
    ).toEqual([])
    expect(importOf(nat(dnat)).forwards).toEqual([yes])
  })

  it.each([
    ['-A PREROUTING -i ppp0 -p tcp --dport 80 -j DNAT --to-destination 192.0.2.9', /in none of the networks/],
    [
      '-A PREROUTING -i ppp0 -p tcp --dport 80 -j DNAT --to-destination 10.0.0.20-10.0.0.30',
      /leads to one IPv4 address/,
    ],
    ['-A PREROUTING -i ppp0 -p tcp --dport 80 -j DNAT --to-destination 10.0.0.20:80-90', /leads to one port/],
    ['-A PREROUTING -i ppp0 -p tcp -j DNAT --to-destination 10.0.0.20', /needs ports/],
    ['-A PREROUTING -i ppp0 -p gre -j DNAT --to-destination 10.0.0.20', /of tcp or udp/],
    ['-A PREROUTING -i ppp0 -p tcp --dport 80 -j REDIRECT --to-ports 8080', /nothing for REDIRECT/],
    ['-A POSTROUTING -o ppp0 -j SNAT --to-source 192.0.2.9', /nothing for this SNAT/],
  ])('%s is told', (line, why) => {
    const { forwards, left } = importOf(nat(line))
    expect(forwards).toEqual([])
    expect(left).toContainEqual(expect.stringMatching(why))
  })
})

it('tables that have no place here are told rule by rule, but for the segment size', () => {
  const { left, carried } = importOf(
    '*mangle\n-A FORWARD -o ppp0 -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu\n-A PREROUTING -j MARK --set-mark 1\nCOMMIT\n',
  )
  expect(carried).toContainEqual('2 the segment size is set wherever the WAN is narrow')
  expect(left).toContainEqual('3 router.yaml has nothing for the table mangle')
})
