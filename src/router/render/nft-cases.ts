import type { Network, Router } from '../model.ts'
import type { NftInput } from './nft-context.ts'

/*
 * Routers for the tests of the ruleset, in the renderer's own terms: what it is given, whatever the file said.
 */

function network(index: number, name: string, more: Partial<Network> = {}): Network {
  const device = `lan${index}`
  return {
    name,
    device,
    bridged: false,
    members: [{ port: device, device }],
    subnetId: index + 1,
    address: `10.0.${index}.1`,
    prefixLength: 24,
    prefix: `10.0.${index}.0/24`,
    broadcast: `10.0.${index}.255`,
    ula: { prefix: `fd12:3456:789a:${index + 1}::/64`, address: `fd12:3456:789a:${index + 1}::1` },
    routerAccess: ['ping'],
    ...more,
  }
}

function bridge(index: number, name: string, ports: readonly string[], more: Partial<Network> = {}): Network {
  return network(index, name, {
    device: `br-${name}`,
    bridged: true,
    members: ports.map((port) => ({ port, device: port })),
    ...more,
  })
}

const SSH: Partial<Network> = { routerAccess: ['ssh', 'ping'] }

const HOME: Router = {
  hostname: 'gate',
  domain: 'home.arpa',
  timezone: 'Asia/Tokyo',
  ulaPrefix: 'fd12:3456:789a::/48',
  wan: {
    config: { mode: 'dhcp', interface: 'wan0', block_private: 'auto', ipv6: 'auto' },
    device: 'wan0',
    member: { port: 'wan0', device: 'wan0' },
    ipv6: true,
    mtu: 1500,
  },
  networks: [bridge(0, 'home', ['lan0', 'lan1'], SSH)],
  firewall: { deny: [], allow: [], forwards: [], pinholes: [] },
  containerPool: '172.30.0.0/16',
}

const OPENINGS: NftInput['openings'] = [
  { owner: 'chrony', opening: { from: 'networks', protocol: 'udp', port: 123, why: 'NTP' } },
  { owner: 'kea', opening: { from: 'networks', protocol: 'udp', port: 67, why: 'DHCP' } },
  { owner: 'unbound', opening: { from: 'networks', protocol: 'tcp', port: 53, why: 'DNS' } },
  { owner: 'unbound', opening: { from: 'networks', protocol: 'udp', port: 53, why: 'DNS' } },
]

const OFFICE: Router = {
  ...HOME,
  hostname: 'office',
  networks: [...HOME.networks, network(2, 'guest')],
  firewall: {
    deny: [],
    allow: [
      {
        from: 'home',
        to: 'guest',
        protocol: 'tcp+udp',
        ports: [
          { from: 9100, to: 9100 },
          { from: 631, to: 631 },
        ],
        why: 'printer in the meeting room',
      },
      { from: 'home', to: 'guest', protocol: 'icmp' },
      { from: 'guest', to: 'home', protocol: 'any', destination: '10.0.0.30', why: 'projector' },
      { from: 'wan', to: 'router', protocol: 'udp', ports: [{ from: 51820, to: 51820 }], why: 'VPN' },
      {
        from: 'wan',
        to: 'containers',
        protocol: 'tcp',
        ports: [{ from: 8443, to: 8443 }],
        source: '198.51.100.0/25',
        why: 'web hook',
      },
      { from: 'containers', to: 'home', protocol: 'tcp', ports: [{ from: 1883, to: 1883 }] },
    ],
    forwards: [
      { port: { from: 8080, to: 8080 }, protocol: 'tcp', to: '10.0.0.20', to_port: 80, why: 'web server' },
      { port: { from: 6000, to: 6010 }, protocol: 'tcp+udp', to: '10.0.0.21' },
      {
        port: { from: 2222, to: 2222 },
        protocol: 'tcp',
        to: '10.0.2.5',
        to_port: 22,
        source: '198.51.100.7',
      },
    ],
    pinholes: [
      {
        network: 'home',
        interface_id: '::1c2d:3eff:fe4f:5a6b',
        protocol: 'tcp',
        ports: [
          { from: 443, to: 443 },
          { from: 8000, to: 8010 },
        ],
        why: 'web server',
      },
    ],
  },
}

const OFFICE_OPENINGS: NftInput['openings'] = [
  ...OPENINGS,
  {
    owner: 'dashboard',
    opening: { from: 'home', protocol: 'tcp', port: 8053, published: true, why: 'dashboard' },
  },
]

function blockPrivate(router: Router, block_private: boolean): Router {
  return { ...router, wan: { ...router.wan, config: { ...router.wan.config, block_private } } }
}

/** Inputs of the golden rulesets, by folder name. */
export const NFT_CASES = {
  home: { router: HOME, openings: OPENINGS },
  office: { router: OFFICE, openings: OFFICE_OPENINGS },
  'office-block-private': { router: blockPrivate(OFFICE, true), openings: OFFICE_OPENINGS },
  'office-admit-private': { router: blockPrivate(OFFICE, false), openings: OFFICE_OPENINGS },
  'static-wan': {
    router: {
      ...HOME,
      wan: {
        config: {
          mode: 'static',
          interface: 'wan0',
          block_private: true,
          ipv6: 'off',
          address: '100.64.7.2/24',
          gateway: '100.64.7.1',
          dns: ['192.0.2.53'],
          mtu_bytes: 1454,
        },
        device: 'wan0.7',
        member: { port: 'wan0', vlan: 7, device: 'wan0.7' },
        ipv6: false,
        mtu: 1454,
      },
    },
    openings: OPENINGS,
  },
  deny: {
    router: {
      ...OFFICE,
      networks: OFFICE.networks.map((one) =>
        one.name === 'home'
          ? {
              ...one,
              dhcp: {
                pools: [],
                leaseSecs: 3600,
                reservations: [{ name: 'laptop', mac: '02:00:5e:00:01:02', address: '10.0.0.20' }],
              },
            }
          : one,
      ),
      firewall: {
        ...OFFICE.firewall,
        deny: [
          {
            from: 'home',
            protocol: 'tcp',
            ports: [{ from: 25, to: 25 }],
            source: 'laptop',
            why: 'no mail from here',
          },
          { from: 'home', to: 'guest', protocol: 'udp', ports: [{ from: 9100, to: 9100 }] },
          { from: 'home', to: 'router', protocol: 'tcp', ports: [{ from: 22, to: 22 }], source: '10.0.0.21' },
          { from: 'wan', protocol: 'any', source: '198.51.100.64/26', why: 'scanners' },
          { from: 'containers', to: 'wan', protocol: 'icmp' },
          {
            from: 'home',
            to: 'containers',
            protocol: 'tcp',
            ports: [{ from: 8053, to: 8053 }],
            source: '10.0.0.21',
          },
          { from: 'wan', to: 'router', protocol: 'any', source: '2001:db8:bad::/48' },
        ],
      },
    },
    openings: OFFICE_OPENINGS,
  },
  pppoe: {
    router: {
      ...HOME,
      wan: {
        config: {
          mode: 'pppoe',
          interface: 'wan0',
          block_private: 'auto',
          ipv6: 'auto',
          username: 'user@isp.example',
          password_file: '/etc/sekisho/secrets/pppoe',
          lcp_echo_secs: 10,
          lcp_echo_failures: 3,
        },
        device: 'ppp-wan',
        member: { port: 'wan0', device: 'wan0' },
        ipv6: true,
        mtu: 1492,
      },
    },
    openings: OPENINGS,
  },
  many: {
    router: {
      ...HOME,
      networks: [
        ...HOME.networks,
        ...Array.from({ length: 9 }, (_, i) =>
          network(i + 2, `floor-${i + 1}`, {
            device: `trunk0.${i + 11}`,
            members: [{ port: 'trunk0', vlan: i + 11, device: `trunk0.${i + 11}` }],
            routerAccess: i === 0 ? [] : ['ping'],
          }),
        ),
      ],
    },
    openings: OPENINGS,
  },
} as const satisfies Record<string, NftInput>
