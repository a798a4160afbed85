import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { userModules, validate } from './validate.ts'

const MODULES = [
  { name: 'unbound', config: z.strictObject({ cache_bytes: z.int().min(1).default(1024) }) },
  { name: 'kea', config: z.strictObject({}) },
]

/** Everything found, as "line:column path: message". */
function found(text: string): string[] {
  const result = validate(text, 'router.yaml', MODULES)
  const issues = result.ok ? result.warnings : result.issues
  return issues.map(({ location, path, message, severity }) => {
    const mark = severity === 'warning' ? ' (warning)' : ''
    return `${location?.line}:${location?.column} ${path.join('.')}: ${message}${mark}`
  })
}

function file(parts: { wan?: string; networks?: string; rest?: string }): string {
  return `version: 1
hostname: gateway
wan: ${parts.wan ?? '{ mode: dhcp, interface: eth0 }'}
networks:
${parts.networks ?? '  home: { interfaces: [eth1], address: 10.0.0.1/24 }'}
${parts.rest ?? ''}
`
}

const TWO = `  home: { subnet_id: 1, interfaces: [eth1], address: 10.0.0.1/24 }
  guest: { subnet_id: 2, interfaces: [eth2], address: 10.0.1.1/24 }`

describe('validate', () => {
  it('takes a small file and fills in the defaults', () => {
    const result = validate(file({ rest: 'modules: { unbound: , kea: {} }' }), 'f', MODULES)
    if (!result.ok) throw new Error(JSON.stringify(result.issues))
    expect(result.warnings).toEqual([])
    expect(result.config).toMatchObject({
      timezone: 'UTC',
      domain: 'home.arpa',
      wan: { block_private: 'auto' },
    })
    expect(result.modules).toEqual([
      { name: 'unbound', config: { cache_bytes: 1024 } },
      { name: 'kea', config: {} },
    ])
    expect(
      result.locate([{ path: ['modules', 'kea', 'pools'], message: 'm', fix: 'f' }])[0]?.location,
    ).toEqual({
      file: 'f',
      line: 6,
      column: 23,
      width: 3,
    })
  })

  it('finds schema, module and semantic mistakes together', () => {
    const text = `version: 2
hostnam: gateway
timezone: asia/tokyo
ula_prefix: fd12:3456:789a:1::/48
wan:
  mode: dchp
  interface: eth0
  mtu_bytes: 100
networks:
  home:
    interfaces: [eth1, eth0]
    address: 10.0.0.0/24
    dhcp:
      pools: [10.0.0.100 - 10.0.1.9]
      lease_sec: 60
      reservations:
        - { name: nas, mac: 02:00:5e:10:00:0g, address: 10.0.1.4 }
  Guest:
    interfaces: eth2
    address: 10.0.0.129/25
    router_access: [shs]
modules:
  unbond: {}
  unbound: { cache_bytes: 0 }
`
    expect(found(text)).toEqual([
      '1:10 version: 2 is not 1',
      '2:1 hostnam: unknown key "hostnam"',
      '3:11 timezone: there is no time zone "asia/tokyo"',
      '4:13 ula_prefix: address bits are set after the /48',
      '6:9 wan.mode: "dchp" is not dhcp, static or pppoe',
      '8:14 wan.mtu_bytes: 100 is less than 1280',
      '10:3 networks.home.subnet_id: several networks need a fixed subnet_id each: IPv6 prefixes and leases hang on it, whatever the order',
      '11:24 networks.home.interfaces.1: eth0 is used twice: by wan too',
      '12:14 networks.home.address: 10.0.0.0 is the network address of 10.0.0.0/24, and the router needs one of its own',
      '14:15 networks.home.dhcp.pools.0: 10.0.1.9 is outside home 10.0.0.0/24',
      '15:7 networks.home.dhcp.lease_sec: unknown key "lease_sec"',
      '17:29 networks.home.dhcp.reservations.0.mac: "02:00:5e:10:00:0g" is not a MAC address',
      '17:57 networks.home.dhcp.reservations.0.address: 10.0.1.4 is outside home 10.0.0.0/24',
      '18:3 networks.Guest: "Guest" is not a network name',
      '18:3 networks.Guest.subnet_id: several networks need a fixed subnet_id each: IPv6 prefixes and leases hang on it, whatever the order',
      '19:17 networks.Guest.interfaces: "eth2" is not a list',
      '20:14 networks.Guest.address: 10.0.0.128/25 overlaps home 10.0.0.0/24',
      '21:21 networks.Guest.router_access.0: "shs" is not ssh or ping',
      '23:3 modules.unbond: there is no module "unbond"',
      '24:27 modules.unbound.cache_bytes: 0 is less than 1',
    ])
  })

  it('points at the words it speaks of', () => {
    const text = `version: 1
hostname: "wpad"   # 日本
wan: { mode: dhcp, interface: eth0, gatway: 1 }
networks:
  home:
    interfaces: [ eth0 ]
    address: 10.0.0.255/24
    dhcp:
      pools: [ "10.0.0.9 - 10.0.0.4" ]
  guest:
    subnet_id: 1
    interfaces: [eth2]
modules: { "ケア": {}, keaa: {} }
`
    const result = validate(text, 'router.yaml', MODULES)
    const lines = text.split('\n').map((line) => [...line])
    const words = (result.ok ? [] : result.issues).map(({ location }) => {
      if (!location) throw new Error('an issue without a place')
      const { line, column, width } = location
      return lines[line - 1]?.slice(column - 1, column - 1 + width).join('')
    })
    expect(words).toEqual([
      '"wpad"',
      'gatway',
      'home',
      'eth0',
      '10.0.0.255/24',
      '"10.0.0.9 - 10.0.0.4"',
      'guest',
      '"ケア"',
      'keaa',
    ])
  })

  it('judges a static WAN', () => {
    const wan = (rest: string) =>
      found(file({ wan: `{ mode: static, interface: eth0, ${rest} }`, networks: TWO }))
    const ok4 = 'address: 192.0.2.2/29, gateway: 192.0.2.1'
    expect(wan(ok4)).toEqual([])
    expect(wan('address: 192.0.2.2/29, gateway: 192.0.2.9')).toEqual([
      "3:71 wan.gateway: 192.0.2.9 is outside the WAN's 192.0.2.0/29",
    ])
    expect(wan('address: 192.0.2.2/29, gateway: 192.0.2.2')).toEqual([
      '3:71 wan.gateway: 192.0.2.2 is our own address',
    ])
    expect(wan('address: 192.0.2.2/29, gateway: 192.0.2.7')).toEqual([
      '3:71 wan.gateway: 192.0.2.7 is the broadcast address of 192.0.2.0/29',
    ])
    expect(wan('address: 192.0.2.7/29, gateway: 192.0.2.1')).toEqual([
      '3:48 wan.address: 192.0.2.7 is the broadcast address of 192.0.2.0/29',
    ])
    expect(wan('address: 192.0.2.2/31, gateway: 192.0.2.3')).toEqual([])
    expect(wan('address: 192.0.2.2/32, gateway: 192.0.2.1')).toEqual([
      '3:48 wan.address: a /32 has no room for the gateway',
    ])
    expect(wan('address: 127.0.0.2/8, gateway: 127.0.0.1')).toEqual([
      '3:48 wan.address: 127.0.0.0/8 is the loopback',
    ])
    expect(wan('address: 10.0.1.9/30, gateway: 10.0.1.10')).toEqual([
      '6:55 networks.guest.address: 10.0.1.0/24 overlaps the WAN 10.0.1.8/30',
    ])
    expect(wan(`${ok4}, dns: [192.0.2.2, 10.0.0.9, "::1", 198.51.100.1, 198.51.100.1]`)).toEqual([
      '3:88 wan.dns.0: 192.0.2.2 is our own address',
      '3:99 wan.dns.1: 10.0.0.9 is inside our own network home',
      '3:109 wan.dns.2: ::1 is no resolver: ::1/128 is the loopback',
      '3:130 wan.dns.4: 198.51.100.1 is listed twice',
    ])
    expect(wan(`${ok4}, prefix6: 2001:db8:1::/56`)).toEqual([
      '3:82 wan.prefix6: prefix6 without address6',
      '3:82 wan.prefix6: prefix6 without gateway6',
    ])
    const six = `${ok4}, address6: 2001:db8::2/64, gateway6: fe80::1`
    expect(wan(`${six}, prefix6: 2001:db8:1::/56`)).toEqual([])
    expect(wan(`${six}, prefix6: 2001:db8:1::/64`)).toEqual([
      '3:136 wan.prefix6: one /64 is not enough for 2 networks',
    ])
    expect(wan(`${six}, prefix6: 2001:db8:1::/63`)).toEqual([
      '6:23 networks.guest.subnet_id: 2 does not fit the 1 bits that the /63 of wan.prefix6 leaves for guest',
    ])
    expect(wan(`${six}, prefix6: 2001:db8:0:ffff::/60`)).toEqual([
      '3:136 wan.prefix6: address bits are set after the /60',
    ])
    expect(wan(`${six}, ipv6: off`)).toEqual(['3:133 wan.ipv6: ipv6 is off and address6, gateway6 given'])
  })

  it('judges a WAN with PPPoE', () => {
    const wan = (rest: string) => found(file({ wan: `{ mode: pppoe, interface: eth0, ${rest} }` }))
    const user = 'username: u@isp.example, password_file: /etc/sekisho/secrets/pppoe'
    expect(wan(user)).toEqual([])
    expect(wan(`${user}, mtu_bytes: 1454, service_name: the internet, lcp_echo_secs: 5`)).toEqual([])
    expect(wan(`${user}, mtu_bytes: 1500`)).toEqual([
      '3:117 wan.mtu_bytes: 1500 bytes need a port, a modem and a provider that pass frames of 1508 (RFC 4638) (warning)',
    ])
    expect(wan(`${user}, mtu_bytes: 1501`)).toEqual([
      '3:117 wan.mtu_bytes: 1501 bytes do not fit a PPPoE session, which carries 1500 at most',
    ])
    expect(wan('username: u@isp.example, password: secret')).toEqual([
      '3:1 wan.password_file: "password_file" is missing',
      '3:63 wan.password: unknown key "password"',
    ])
    expect(wan('username: "a\\nplugin x.so", password_file: secret')).toEqual([
      '3:48 wan.username: "a\\nplugin x.so" is not a user name',
      '3:81 wan.password_file: "secret" is not an absolute path',
    ])
    expect(found(file({ networks: '  home: { interfaces: [ppp-wan], address: 10.0.0.1/24 }' }))).toEqual([
      '5:24 networks.home.interfaces.0: ppp-wan is no network port',
    ])
  })

  it('keeps every device in one place', () => {
    const nets = (home: string, guest: string) =>
      found(
        file({
          networks: `  home: { subnet_id: 1, address: 10.0.0.1/24, interfaces: ${home} }
  guest: { subnet_id: 2, address: 10.0.1.1/24, interfaces: ${guest} }`,
        }),
      )
    expect(nets('[eth1]', '[{ name: eth1, vlan: 20 }]')).toEqual([])
    expect(nets('[eth1]', '[eth1]')).toEqual([
      '6:61 networks.guest.interfaces.0: eth1 is used twice: by home too',
    ])
    expect(nets('[{ name: eth1, vlan: 20 }]', '[{ name: eth1, vlan: 20 }]')).toEqual([
      '6:81 networks.guest.interfaces.0.vlan: VLAN 20 of eth1 is used twice: by home too',
    ])
    expect(nets('[eth1, { name: eth1, vlan: 20 }]', '[br-home]')).toEqual([
      '5:86 networks.home.interfaces.1.vlan: home has eth1 both untagged and as VLAN 20: its frames would loop',
      '6:61 networks.guest.interfaces.0: br-home is the bridge that network home makes',
    ])
    expect(nets('[lo, eth3.5]', '[{ name: enp10s0f1np1, vlan: 200 }]')).toEqual([
      '5:60 networks.home.interfaces.0: lo is no network port',
      '5:64 networks.home.interfaces.1: eth3.5 is a VLAN and not a port',
      "6:89 networks.guest.interfaces.0.vlan: the VLAN's device name enp10s0f1np1.200 has 16 characters; Linux allows 15",
    ])
  })

  it('judges names, addresses and numbers of networks', () => {
    const networks = `  wan: { subnet_id: 7, interfaces: [a], address: 169.254.1.1/16 }
  home: { subnet_id: 7, interfaces: [b], address: 10.0.0.1/31 }
  guest: { subnet_id: 3, interfaces: [c], address: 10.0.0.1/4 }
  lab: { subnet_id: 4, interfaces: [d], address: 203.0.113.1/24, router_access: [ssh, ssh] }
  iot: { subnet_id: 5, interfaces: [e], address: 10.1.255.255/16 }`
    expect(found(file({ networks }))).toEqual([
      '5:3 networks.wan: "wan" has a meaning of its own in the firewall',
      '5:50 networks.wan.address: 169.254.0.0/16 is link-local',
      '6:22 networks.home.subnet_id: network wan has subnet_id 7 too',
      '6:51 networks.home.address: a /31 has no room for hosts',
      '7:52 networks.guest.address: 0.0.0.0/8 means "this network"',
      '8:50 networks.lab.address: 203.0.113.0/24 is not private: its owners on the Internet cannot be reached from here (warning)',
      '8:87 networks.lab.router_access.1: ssh is listed twice',
      '9:50 networks.iot.address: 10.1.255.255 is the broadcast address of 10.1.0.0/16, and the router needs one of its own',
    ])
    expect(found(file({ networks: '  {}' }))).toEqual(['4:1 networks: there is no network'])
    expect(
      found(file({ networks: '  home: { interfaces: [b], address: 10.0.0.1/24, router_access: [] }' })),
    ).toEqual(['5:50 networks.home.router_access: no network may reach the router with ssh (warning)'])
  })

  it('judges pools and reservations', () => {
    const dhcp = (text: string) =>
      found(file({ networks: `  home: { interfaces: [eth1], address: 10.0.0.1/24, dhcp: ${text} }` }))
    expect(
      dhcp(
        '{ pools: [10.0.0.0 - 10.0.0.9, 10.0.0.200 - 10.0.0.255, 10.0.0.240 - 10.0.0.250, 10.0.0.3 - 10.0.0.2] }',
      ),
    ).toEqual([
      '5:69 networks.home.dhcp.pools.0: 10.0.0.0 is the network address of 10.0.0.0/24',
      "5:69 networks.home.dhcp.pools.0: it contains the router's own address 10.0.0.1",
      '5:90 networks.home.dhcp.pools.1: 10.0.0.255 is the broadcast address of 10.0.0.0/24',
      '5:115 networks.home.dhcp.pools.2: it overlaps the pool 10.0.0.200 - 10.0.0.255',
      '5:140 networks.home.dhcp.pools.3: 10.0.0.3 comes after 10.0.0.2',
    ])
    expect(dhcp('{ pools: [10.0.0.10 - 10.0.0.12] }')).toEqual([
      '5:69 networks.home.dhcp.pools.0: 3 addresses serve few hosts: phones alone change theirs often (warning)',
    ])
    const reservations = `{ pools: [10.0.0.100 - 10.0.0.200], reservations: [
      { name: gateway, mac: "02:00:5e:10:00:01", address: 10.0.0.2 },
      { name: wpad, mac: "02:00:5E:10:00:01", address: 10.0.0.1 },
      { name: nas, mac: "01:00:5e:10:00:03", address: 10.0.0.2 },
      { name: nas, mac: "00:00:00:00:00:00", address: 10.0.0.255 } ] }`
    expect(dhcp(reservations)).toEqual([
      `6:15 networks.home.dhcp.reservations.0.name: "gateway" is the router's own name`,
      '7:15 networks.home.dhcp.reservations.1.name: "wpad" is a reserved name',
      '7:26 networks.home.dhcp.reservations.1.mac: 02:00:5e:10:00:01 already has the reservation "gateway" in home',
      "7:56 networks.home.dhcp.reservations.1.address: 10.0.0.1 is the router's own address",
      '8:25 networks.home.dhcp.reservations.2.mac: 01:00:5e:10:00:03 is a group address: its first byte is odd',
      '8:55 networks.home.dhcp.reservations.2.address: 10.0.0.2 is already reserved for "gateway"',
      '9:15 networks.home.dhcp.reservations.3.name: "nas" is already reserved in home',
      '9:25 networks.home.dhcp.reservations.3.mac: it is all zero',
      '9:55 networks.home.dhcp.reservations.3.address: 10.0.0.255 is the broadcast address of 10.0.0.0/24',
    ])
  })

  it('judges what may pass between zones', () => {
    const rest = `firewall:
  allow:
    - { from: gest, to: wan }
    - { from: router, to: any }
    - { from: home, to: home }
    - { from: home, to: guest, ports: [22] }
    - { from: home, to: guest, protocol: icmp, ports: [1] }
    - { from: home, to: guest, protocol: tcp, ports: [1-9, 9], source: 10.0.1.5, destination: 10.0.1.5/24 }
    - { from: home, to: guest, source: 10.0.0.5, destination: 2001:db8::1 }
    - { from: wan, to: home }
    - { from: wan, to: router, protocol: tcp }
    - { from: wan, to: router, protocol: tcp, ports: [22], source: 10.0.0.7 }
    - { from: guest, to: router, destination: 10.0.0.9 }
    - { from: guest, to: home, protocol: tcp, ports: [80-90] }
    - { from: guest, to: home, protocol: tcp, ports: [80, 85-90] }`
    expect(found(file({ networks: TWO, rest }))).toEqual([
      '9:15 firewall.allow.0.from: there is no zone "gest"',
      '9:25 firewall.allow.0.to: every zone reaches the WAN without a rule',
      '10:15 firewall.allow.1.from: the router itself reaches every zone without a rule',
      '10:27 firewall.allow.1.to: "any" is no zone',
      '11:25 firewall.allow.2.to: home reaches itself without a rule',
      '12:32 firewall.allow.3.ports: ports need a protocol that has them',
      '13:42 firewall.allow.4.protocol: protocol icmp has no ports, and ports are given',
      '14:60 firewall.allow.5.ports.1: 9 overlaps 1-9 in the same list',
      '14:72 firewall.allow.5.source: 10.0.1.5 is outside home 10.0.0.0/24',
      '14:95 firewall.allow.5.destination: 10.0.1.5/24 has address bits after its prefix',
      '15:63 firewall.allow.6.destination: source and destination are of different IP versions: no packet is both',
      "16:7 firewall.allow.7: this lets in IPv6 only: IPv4 from the Internet cannot reach home's private addresses (warning)",
      '17:24 firewall.allow.8.to: the whole Internet reaches every port of the router (warning)',
      '18:7 firewall.allow.9: entry 9 already allows this (warning)',
      '18:68 firewall.allow.9.source: 10.0.0.7/32 is inside our own home and never comes from the WAN',
      '19:47 firewall.allow.10.destination: 10.0.0.9 is a host of home and not the router',
      '21:7 firewall.allow.12: entry 12 already allows this (warning)',
    ])
  })

  it('judges forwards and pinholes', () => {
    const networks = `  home:
    interfaces: [eth1]
    address: 10.0.0.1/24
    dhcp: { pools: [10.0.0.100 - 10.0.0.200] }`
    const rest = `firewall:
  allow: [{ from: wan, to: router, protocol: tcp, ports: [2222] }]
  forwards:
    - { port: 80, to: 10.0.0.2, source: 198.51.100.0/24 }
    - { port: 80, to: 10.0.0.3 }
    - { port: 70-90, protocol: tcp+udp, to: 10.0.0.4 }
    - { port: 81, to: 10.0.0.5, source: 203.0.113.9/24 }
    - { port: 443, to: 10.9.0.1 }
    - { port: 444, to: 10.0.0.1 }
    - { port: 445, to: 10.0.0.255 }
    - { port: 446, to: 10.0.0.150 }
    - { port: 500-510, to: 10.0.0.2, to_port: 5 }
    - { port: 2222, to: 10.0.0.2 }
  pinholes:
    - { network: hoem, interface_id: "2001:db8::5", ports: [443] }
    - { network: home, interface_id: "::", ports: [443] }
    - { network: home, interface_id: "::1", ports: [443] }
    - { network: home, interface_id: "::5", ports: [443, 440-450] }
    - { network: home, interface_id: "::5", protocol: tcp+udp, ports: [443] }`
    expect(found(file({ networks, rest }))).toEqual([
      '14:15 firewall.forwards.2.port: port 80 is already forwarded by entry 2',
      '15:15 firewall.forwards.3.port: port 70-90 is already forwarded by entry 3',
      '15:41 firewall.forwards.3.source: 203.0.113.9/24 has address bits after its prefix',
      '16:24 firewall.forwards.4.to: 10.9.0.1 is in none of our networks',
      '17:24 firewall.forwards.5.to: 10.0.0.1 is the router itself',
      '18:24 firewall.forwards.6.to: 10.0.0.255 is the broadcast address of 10.0.0.0/24',
      '19:24 firewall.forwards.7.to: 10.0.0.150 is handed out by DHCP: another host may have it tomorrow (warning)',
      '20:47 firewall.forwards.8.to_port: the range 500-510 cannot lead to the single port 5',
      '21:15 firewall.forwards.9.port: firewall.allow entry 1 opens this port of the router itself to the WAN',
      '23:18 firewall.pinholes.0.network: there is no network "hoem"',
      '23:38 firewall.pinholes.0.interface_id: it has a prefix, which changes: only the low 64 bits identify the host',
      '24:38 firewall.pinholes.1.interface_id: its low 64 bits are zero: that is no host',
      '25:38 firewall.pinholes.2.interface_id: ::1 is the router in every network',
      '26:58 firewall.pinholes.3.ports.1: 440-450 overlaps 443 in the same list',
      '27:72 firewall.pinholes.4.ports.0: entry 4 already opens port 443 of this host',
    ])
  })

  it('judges what firewall.deny refuses', () => {
    const networks = `  home:
    subnet_id: 1
    interfaces: [eth1]
    address: 10.0.0.1/24
    dhcp: { pools: [10.0.0.100 - 10.0.0.199], reservations: [{ name: laptop, mac: "02:00:5e:10:00:01", address: 10.0.0.5 }] }
  guest: { subnet_id: 2, interfaces: [eth2], address: 10.0.1.1/24 }`
    const rest = `firewall:
  deny:
    - { from: home, source: laptop, protocol: tcp, ports: [25] }
    - { from: home, source: "02:00:5e:10:00:01" }
    - { from: wan, source: 198.51.100.0/24 }
    - { from: home, to: home }
    - { from: gast }
    - { from: router }
    - { from: home, source: laptob }
    - { from: guest, source: laptop }
    - { from: guest, source: 10.0.0.5 }
    - { from: wan, source: "02:00:5e:10:00:01" }
    - { from: home, ports: [25] }
    - { from: home, source: 10.0.0.5, destination: 2001:db8::1 }
    - { from: home, to: guest, destination: 10.0.1.1 }
    - { from: home, to: wan, source: 10.0.0.0/33 }`
    expect(found(file({ networks, rest }))).toEqual([
      '16:25 firewall.deny.3.to: what stays within home does not pass the router',
      '17:15 firewall.deny.4.from: there is no zone "gast"',
      '18:15 firewall.deny.5.from: the router itself reaches every zone without a rule',
      '19:29 firewall.deny.6.source: "laptob" is neither an address nor the name of a reservation',
      '20:30 firewall.deny.7.source: laptop is a reservation of home',
      '21:30 firewall.deny.8.source: 10.0.0.5 is outside guest 10.0.1.0/24',
      '22:28 firewall.deny.9.source: a MAC address is seen in a network only, and not from wan',
      '23:21 firewall.deny.10.ports: ports need a protocol that has them',
      '24:52 firewall.deny.11.destination: source and destination are of different IP versions: no packet is both',
      '25:45 firewall.deny.12.destination: 10.0.1.1 is the router itself',
      '26:38 firewall.deny.13.source: "10.0.0.0/33" is neither an address nor the name of a reservation',
    ])
  })

  it('judges checks', () => {
    const networks = `  home:
    subnet_id: 1
    interfaces: [eth1]
    address: 10.0.0.1/24
    dhcp: { pools: [10.0.0.100 - 10.0.0.199], reservations: [{ name: laptop, mac: "02:00:5e:10:00:01", address: 10.0.0.5 }] }
  guest: { subnet_id: 2, interfaces: [eth2], address: 10.0.1.1/24 }`
    const rest = `firewall:
  pinholes: [{ network: home, interface_id: "::5", ports: [443] }]
checks:
  - { from: guest, to: home, expect: blocked }
  - { from: wan, to: 10.0.0.20, protocol: tcp, ports: [443], expect: reached, why: web }
  - { from: laptop, to: wan, protocol: tcp, ports: [25], expect: blocked }
  - { from: "02:00:5E:10:00:01", to: 198.51.100.7, expect: reached }
  - { from: wan, to: "::5", protocol: tcp, ports: [443], expect: reached }
  - { from: containers, to: 10.0.0.1, expect: blocked }
  - { from: guest, to: hom, expect: blocked }
  - { from: router, to: home, expect: reached }
  - { from: laptop, to: 10.0.0.9, expect: blocked }
  - { from: 10.0.9.9, to: home, expect: blocked }
  - { from: "02:00:5e:10:00:02", to: wan, expect: blocked }
  - { from: wan, to: "::6", expect: reached }
  - { from: guest, to: 10.0.0.0/24, expect: blocked }
  - { from: wan, to: 198.51.100.7, expect: blocked }
  - { from: 198.51.100.7, to: "::5", expect: reached }
  - { from: guest, to: home, ports: [80], expect: blocked }
  - { from: guest, to: home, expect: reached }
  - { from: guest, to: home, expect: blocked }
  - { from: guest, to: home, expect: refused }
  - { from: guest, to: home, protocol: gre }`
    expect(found(file({ networks, rest }))).toEqual([
      '20:24 checks.6.to: "hom" is no zone, no reservation and no address',
      '21:13 checks.7.from: the router itself may send what it likes: there is nothing to prove',
      '22:25 checks.8.to: both are in home: what passes between them does not pass the router',
      '23:13 checks.9.from: 10.0.9.9 is in none of our networks, and not of the Internet',
      '24:13 checks.10.from: no reservation is for 02:00:5e:10:00:02: it may be in any network',
      '25:22 checks.11.to: no pinhole is for the interface identifier ::6',
      '26:24 checks.12.to: "10.0.0.0/24" is a prefix, and a check speaks of a zone or of one host',
      '27:22 checks.13.to: both are on the Internet: what passes between them does not pass the router',
      '28:31 checks.14.to: from and to are of different IP versions: no packet is both',
      '29:30 checks.15.ports: ports need a protocol that has them',
      '30:38 checks.16.expect: entry 1 expects the opposite',
      '31:5 checks.17: entry 1 says this already (warning)',
      '32:38 checks.18.expect: "refused" is not reached or blocked',
      '33:5 checks.19.expect: "expect" is missing',
      '33:40 checks.19.protocol: "gre" is not tcp, udp, tcp+udp, icmp or any',
    ])
  })

  it('judges host name, domain, time zone and unique local prefix', () => {
    const site = (hostname: string, rest: string) =>
      found(`version: 1
hostname: ${hostname}
${rest}
wan: { mode: dhcp, interface: eth0 }
networks: { home: { interfaces: [eth1], address: 10.0.0.1/24 } }
`)
    expect(site('isatap', 'domain: lan.local')).toEqual([
      '2:11 hostname: "isatap" is a reserved name',
      '3:9 domain: .local belongs to multicast DNS (RFC 6762)',
    ])
    expect(site('gw', 'domain: example.org')).toEqual([
      '3:9 domain: example.org is in the public DNS: our names hide the public ones below it (warning)',
    ])
    for (const zone of [
      'Asia/Tokyo',
      'Asia/Kolkata',
      'Europe/Paris',
      'UTC',
      'America/Argentina/Buenos_Aires',
      'Etc/UTC',
    ])
      expect(site('gw', `timezone: ${zone}`)).toEqual([])
    for (const zone of ['Japan', 'US/Pacific', 'europe/paris', 'Mars/Olympus', '"+0900"'])
      expect(site('gw', `timezone: ${zone}`)).toHaveLength(1)
    expect(site('gw', 'ula_prefix: 2001:db8::/48')).toEqual([
      '3:13 ula_prefix: it is not in fd00::/8, the unique local addresses (RFC 4193)',
    ])
    expect(site('gw', 'ula_prefix: fd00::/48')).toEqual([
      '3:13 ula_prefix: its 40 bits are zero and not random: it will clash with other sites (warning)',
    ])
  })

  it("knows a user's own modules by their folder", () => {
    const text = file({
      rest: 'modules:\n  mine: { path: ./mine, size: 3 }\n  other: { path: mine }\n  gone: { path: /x }',
    })
    expect(userModules(text, 'f')).toEqual([
      { name: 'mine', path: './mine' },
      { name: 'gone', path: '/x' },
    ])
    const mine = { name: 'mine', config: z.strictObject({ size: z.int() }) }
    const result = validate(text, 'f', [...MODULES, mine])
    expect(result.ok ? [] : result.issues.map(({ path, message }) => [path.join('.'), message])).toEqual([
      ['modules.other.path', '"mine" is neither absolute nor begins with "./"'],
      ['modules.gone.path', 'no module "gone" could be loaded from there'],
    ])
    const good = validate(file({ rest: 'modules: { mine: { path: ./mine, size: 3 } }' }), 'f', [mine])
    expect(good.ok && good.modules).toEqual([{ name: 'mine', config: { size: 3 } }])
    const clash = validate(file({ rest: 'modules: { kea: { path: ./mine } }' }), 'f', [
      ...MODULES,
      { name: 'kea', config: z.unknown() },
    ])
    expect(clash.ok).toBe(false)
  })

  it('reports a module whose schema fails and does not fail itself', () => {
    const bad = { name: 'bad', config: z.unknown().refine(() => JSON.parse('{')) }
    const result = validate(file({ rest: 'modules: { bad: {} }' }), 'f', [bad])
    expect(result.ok ? [] : result.issues.map(({ path }) => path)).toEqual([['modules', 'bad']])
  })
})
