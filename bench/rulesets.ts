import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { loadRouter } from '../src/load-router.ts'

/** What a router loads: a program that reads the rules from its standard input, and its sysctls. */
export interface Ruleset {
  readonly load: readonly string[]
  readonly rules: string
  readonly sysctls: Readonly<Record<string, string | number>>
}

const NFT = ['nft', '-f', '-']

/** Everything that Sekisho generates for a router with so many networks and port forwards. */
export async function ours(networks: number, forwards: number): Promise<Ruleset> {
  const name = (i: number) => (i === 0 ? 'home' : `net${i}`)
  const file = {
    version: 1,
    hostname: 'gate',
    timezone: 'Asia/Tokyo',
    ula_prefix: 'fd4b:7a11:9c02::/48',
    wan: { interface: 'wan0', mode: 'dhcp' },
    networks: Object.fromEntries(
      Array.from({ length: networks }, (_, i) => [
        name(i),
        {
          subnet_id: i + 1,
          interfaces: [`lan${i}`],
          address: `10.0.${i}.1/24`,
          dhcp: { pools: [`10.0.${i}.129 - 10.0.${i}.254`] },
        },
      ]),
    ),
    firewall: {
      forwards: Array.from({ length: forwards }, (_, i) => ({
        port: 2000 + i,
        protocol: i % 2 === 0 ? 'tcp' : 'udp',
        to: `10.0.0.${2 + (i % 100)}`,
        to_port: 80 + i,
      })),
    },
    modules: { unbound: {}, kea: {}, chrony: {}, recorder: {} },
  }
  const directory = await mkdtemp(join(tmpdir(), 'bench-forwarding-'))
  try {
    const path = join(directory, 'router.yaml')
    await writeFile(path, stringify(file))
    const loaded = await loadRouter(path)
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.issues))
    const text = (end: string) => loaded.desired.files.find(({ path }) => path.endsWith(end))?.text ?? ''
    return { load: NFT, rules: text('sekisho.nft'), sysctls: sysctlsOf(text('sysctl.d/90-sekisho.conf')) }
  } finally {
    await rm(directory, { recursive: true })
  }
}

/** The settings of a sysctl.d file that a network namespace of its own may make. */
function sysctlsOf(text: string): Record<string, string> {
  const settings = [...text.matchAll(/^(net\.[\w.]+) = (\S+)$/gm)]
  return Object.fromEntries(settings.map(([, key = '', value = '']) => [key, value]))
}

/** The least that a home router needs. */
export function oneMasqueradeRule(): Ruleset {
  const rules = `table ip nat {
    chain postrouting {
      type nat hook postrouting priority srcnat; policy accept;
      oifname "wan0" masquerade
    }
  }\n`
  return { load: NFT, rules, sysctls: {} }
}

/**
 * A router with two zones as OpenWrt's firewall4 lays it out: a filter chain in each hook, empty ones included,
 * that jumps by device to a chain for the zone and from there to one for each verdict, with counters, and the
 * segment size set both ways. OpenWrt counts flows' bytes too and leaves checksums to the devices.
 */
export function openwrtStyle(): Ruleset {
  const hook = (name: string, type: string, at: string, priority: string, policy: string, rules: string[]) =>
    `chain ${name} { type ${type} hook ${at} priority ${priority}; policy ${policy};\n${rules.join('\n')}\n}`
  const chain = (name: string, ...rules: string[]) => `chain ${name} {\n${rules.join('\n')}\n}`
  const states = 'ct state vmap { established : accept, related : accept } comment "known flows"'
  const zones = (verb: string) => [
    `iifname "lan0" jump ${verb}_lan comment "lan, ${verb}"`,
    `iifname "wan0" jump ${verb}_wan comment "wan, ${verb}"`,
  ]
  const clamp = 'tcp flags & (fin | syn | rst) == syn tcp option maxseg size set rt mtu'
  const rules = [
    chain(
      'syn_flood',
      'limit rate 25/second burst 50 packets return comment "below the limit"',
      'drop comment "above it"',
    ),
    chain(
      'handle_reject',
      'meta l4proto tcp reject with tcp reset',
      'reject with icmpx type port-unreachable comment "anything else"',
    ),
    chain('accept_from_lan', 'iifname "lan0" counter accept'),
    chain('accept_to_lan', 'oifname "lan0" counter accept'),
    chain('reject_from_wan', 'iifname "wan0" counter jump handle_reject'),
    chain('reject_to_wan', 'oifname "wan0" counter jump handle_reject'),
    chain(
      'accept_to_wan',
      'meta nfproto ipv4 oifname "wan0" ct state invalid counter drop comment "leaves untranslated"',
      'oifname "wan0" counter accept',
    ),
    chain('input_lan', 'jump accept_from_lan'),
    chain(
      'input_wan',
      'meta nfproto ipv4 udp dport 68 counter accept comment "DHCP"',
      'icmp type echo-request counter accept comment "ping"',
      'meta nfproto ipv4 meta l4proto igmp counter accept comment "IGMP"',
      'meta nfproto ipv6 udp dport 546 counter accept comment "DHCPv6"',
      'ct status dnat accept comment "redirected ports"',
      'jump reject_from_wan',
    ),
    chain('output_lan', 'jump accept_to_lan'),
    chain('output_wan', 'jump accept_to_wan'),
    chain('forward_lan', 'jump accept_to_wan comment "lan to wan"', 'jump accept_to_lan'),
    chain(
      'forward_wan',
      'icmpv6 type { destination-unreachable, time-exceeded, echo-request, echo-reply } limit rate 1000/second burst 5 packets counter accept',
      'meta l4proto esp counter jump accept_to_lan comment "IPsec"',
      'udp dport 500 counter jump accept_to_lan comment "ISAKMP"',
      'ct status dnat accept comment "forwarded ports"',
      'jump reject_to_wan',
    ),
    chain('helper_lan'),
    chain('dstnat_lan'),
    chain('dstnat_wan'),
    chain('srcnat_wan', 'meta nfproto ipv4 masquerade comment "masquerade"'),
    hook('input', 'filter', 'input', 'filter', 'drop', [
      'iif "lo" accept',
      states,
      'tcp flags & (fin | syn | rst | ack) == syn jump syn_flood',
      ...zones('input'),
      'jump handle_reject',
    ]),
    hook('forward', 'filter', 'forward', 'filter', 'drop', [
      states,
      ...zones('forward'),
      'jump handle_reject',
    ]),
    hook('output', 'filter', 'output', 'filter', 'accept', [
      'oif "lo" accept',
      states,
      'oifname "lan0" jump output_lan',
      'oifname "wan0" jump output_wan',
    ]),
    hook('prerouting', 'filter', 'prerouting', 'filter', 'accept', [
      'iifname "lan0" jump helper_lan comment "connection tracking helpers"',
    ]),
    hook('dstnat', 'nat', 'prerouting', 'dstnat', 'accept', [...zones('dstnat')]),
    hook('srcnat', 'nat', 'postrouting', 'srcnat', 'accept', ['oifname "wan0" jump srcnat_wan']),
    hook('raw_prerouting', 'filter', 'prerouting', 'raw', 'accept', []),
    hook('raw_output', 'filter', 'output', 'raw', 'accept', []),
    hook('mangle_prerouting', 'filter', 'prerouting', 'mangle', 'accept', []),
    hook('mangle_postrouting', 'filter', 'postrouting', 'mangle', 'accept', [
      `oifname "wan0" ${clamp} comment "segment size, out"`,
    ]),
    hook('mangle_input', 'filter', 'input', 'mangle', 'accept', []),
    hook('mangle_output', 'route', 'output', 'mangle', 'accept', []),
    hook('mangle_forward', 'filter', 'forward', 'mangle', 'accept', [
      `iifname "wan0" ${clamp} comment "segment size, in"`,
    ]),
  ].join('\n')
  const sysctls = { 'net.netfilter.nf_conntrack_acct': 1, 'net.netfilter.nf_conntrack_checksum': 0 }
  return { load: NFT, rules: `table inet fw4 {\n${rules}\n}\n`, sysctls }
}

/** What /etc/network/iptables says in the article that this project grew out of, its ppp0 being the WAN here. */
export function article(): Ruleset {
  const rules = `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A POSTROUTING -o wan0 -j MASQUERADE
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION - [0:0]
-A FORWARD -j DOCKER-ISOLATION
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER-ISOLATION -j RETURN
-A DOCKER -i wan0 -p udp -m state --state ESTABLISHED -j ACCEPT
-A DOCKER -i wan0 -p tcp -m state --state RELATED,ESTABLISHED -j ACCEPT
-A DOCKER -i wan0 -j DROP
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m state --state ESTABLISHED,RELATED -j ACCEPT
-A INPUT -p udp -m state --state ESTABLISHED -j ACCEPT
-A INPUT -p tcp --dport 22 -s 10.0.0.0/24 -j ACCEPT
-A INPUT -p icmp -s 10.0.0.0/24 -j ACCEPT
COMMIT\n`
  return { load: ['iptables-nft-restore'], rules, sysctls: {} }
}
