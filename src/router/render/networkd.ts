import type { Member, Network, Router, Wan } from '../model.ts'
import { generatedHeader } from './header.ts'

/** A file of the generation that belongs to the core. */
export interface RenderedFile {
  readonly path: string
  readonly text: string
  /** Default 0o644. */
  readonly mode?: number
}

type Section = readonly [name: string, ...lines: (string | false | undefined)[]]

const FOLDER = 'host/etc/systemd/network'

/**
 * Name of the .network file of the WAN or of a network: "10-sekisho-wan.network", "10-sekisho-home.network". The
 * agent's drop-ins lie in /run/systemd/network/<this name>.d/.
 */
function networkFileName(zone: string): string {
  return `10-sekisho-${zone}.network`
}

/**
 * The systemd.network(5) and systemd.netdev(5) files for the WAN, the networks, their bridges and VLANs. Each file
 * matches one exact device name, so that Docker's bridges and the user's other links stay unmanaged.
 */
export function renderNetworkd(router: Router): RenderedFile[] {
  const { wan, networks } = router
  const members = [wan.member, ...networks.flatMap((network) => network.members)]
  const pppoe = wan.config.mode === 'pppoe'
  const withOwnFile = new Set([
    wan.device,
    ...(pppoe ? [wan.member.device] : []),
    ...networks.flatMap(({ bridged, device, members }) =>
      bridged ? members.map((m) => m.device) : [device],
    ),
  ])
  const trunks = [...new Set(members.map((m) => m.port))].filter((port) => !withOwnFile.has(port))
  return [
    ...(pppoe
      ? [file(portFileName(wan.member.device), pppoePort(wan, vlansOn(wan.member.device, members)))]
      : []),
    file(networkFileName('wan'), wanSections(router, vlansOn(wan.device, members))),
    ...networks.flatMap((network) => networkFiles(network, router, members)),
    ...members.filter((m) => m.vlan !== undefined).map(vlanFile),
    ...trunks.map((port) => trunkFile(port, members, wan)),
  ].toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

function portFileName(device: string): string {
  return `10-sekisho-port.${device}.network`
}

/** The port below a PPPoE session: it carries no IP of its own. */
function pppoePort({ config, member, mtu }: Wan, vlans: readonly string[]): Section[] {
  return [
    ['Match', `Name=${member.device}`],
    [
      'Link',
      'RequiredForOnline=no',
      config.mac !== undefined && `MACAddress=${config.mac}`,
      // RFC 4638: a session as wide as Ethernet needs longer frames below it.
      `MTUBytes=${Math.max(1500, mtu + 8)}`,
    ],
    ['Network', ...vlans, 'DHCP=no', 'LinkLocalAddressing=no', 'IPv6AcceptRA=no', 'LLDP=no', 'EmitLLDP=no'],
  ]
}

function file(name: string, sections: readonly Section[]): RenderedFile {
  const text = sections
    .map(([title, ...lines]) => ({ title, kept: lines.filter((line) => typeof line === 'string') }))
    .filter(({ kept }) => kept.length > 0)
    .map(({ title, kept }) => `\n[${title}]\n${kept.join('\n')}\n`)
  return { path: `${FOLDER}/${name}`, text: generatedHeader('core') + text.join('') }
}

/** The VLAN= lines that make networkd create the tagged devices on top of a port. */
function vlansOn(device: string, members: readonly Member[]): string[] {
  const devices = members.filter((m) => m.vlan !== undefined && m.port === device).map((m) => m.device)
  return [...new Set(devices)].sort().map((name) => `VLAN=${name}`)
}

function wanSections(router: Router, vlans: readonly string[]): Section[] {
  const { wan } = router
  const { config } = wan
  const link: Section = [
    'Link',
    config.mac !== undefined && `MACAddress=${config.mac}`,
    // Always: networkd leaves a port as it is when the line goes, and the port would stay as narrow as it was.
    `MTUBytes=${wan.mtu}`,
  ]
  const common = [
    ...vlans,
    `LinkLocalAddressing=${wan.ipv6 ? 'ipv6' : 'no'}`,
    'IPv6SendRA=no',
    'LLDP=no',
    'EmitLLDP=no',
  ]
  const match: Section = ['Match', `Name=${wan.device}`]
  const learns = learnsIpv6(wan)
  const ipv6: Section[] = learns
    ? [
        // RFC 7084 section 4.2 asks for a prefix whatever the flags of the RA say, and hints at what it needs.
        ['IPv6AcceptRA', 'DHCPv6Client=always', 'UseDomains=no'],
        [
          'DHCPv6',
          'PrefixDelegationHint=::/56',
          'UseHostname=no',
          'UseNTP=no',
          'UseDomains=no',
          'SendRelease=no',
          config.mode === 'pppoe' && 'WithoutRA=solicit',
        ],
      ]
    : []
  if (config.mode === 'pppoe') {
    return [
      match,
      ['Link', 'RequiredForOnline=no', 'ActivationPolicy=manual'],
      [
        'Network',
        `DHCP=${learns ? 'ipv6' : 'no'}`,
        `IPv6AcceptRA=${yesNo(learns)}`,
        // pppd and its script set what the provider said: both ends' addresses, link-local ones, the IPv4 route.
        'KeepConfiguration=yes',
        ...common,
      ],
      ...ipv6,
      ...unreachable(router),
    ]
  }
  if (config.mode === 'dhcp') {
    return [
      match,
      link,
      [
        'Network',
        'DHCP=ipv4',
        `IPv6AcceptRA=${yesNo(learns)}`,
        // A restart of networkd is not a reason to lose the address, and every connection with it.
        'KeepConfiguration=dhcp-on-stop',
        ...common,
      ],
      [
        'DHCPv4',
        'ClientIdentifier=mac',
        'SendHostname=no',
        'UseHostname=no',
        'UseDomains=no',
        'UseNTP=no',
        'UseMTU=no',
        'SendRelease=no',
      ],
      ...ipv6,
      ...unreachable(router),
    ]
  }
  return [
    match,
    link,
    [
      'Network',
      'DHCP=no',
      `Address=${config.address}`,
      wan.ipv6 && config.address6 !== undefined && `Address=${config.address6}`,
      ...config.dns.map((address) => `DNS=${address}`),
      `IPv6AcceptRA=${yesNo(learns)}`,
      ...common,
    ],
    // The provider's gateway may lie outside our own prefix, as on many hosted lines.
    ['Route', `Gateway=${config.gateway}`, 'GatewayOnLink=yes'],
    ['Route', ...(wan.ipv6 && config.gateway6 ? [`Gateway=${config.gateway6}`, 'GatewayOnLink=yes'] : [])],
    ...ipv6,
    ...unreachable(router),
  ]
}

/** Whether the provider says what IPv6 there is. */
function learnsIpv6({ ipv6, config }: Wan): boolean {
  return ipv6 && (config.mode !== 'static' || config.gateway6 === undefined)
}

/** What is ours and not in use must not follow the default route back to the provider (RFC 7084 WPD-5, ULA-4). */
function unreachable({ ulaPrefix, wan }: Router): Section[] {
  const prefix6 = wan.ipv6 && wan.config.mode === 'static' ? wan.config.prefix6 : undefined
  return [ulaPrefix, prefix6]
    .filter((prefix) => prefix !== undefined)
    .map((prefix) => ['Route', `Destination=${prefix}`, 'Type=unreachable'] as const)
}

function networkFiles(network: Network, router: Router, members: readonly Member[]): RenderedFile[] {
  const own = file(networkFileName(network.name), [
    ['Match', `Name=${network.device}`],
    ['Link', 'RequiredForOnline=no'],
    ...networkSections(network, router, network.bridged ? [] : vlansOn(network.device, members)),
  ])
  if (!network.bridged) return [own]
  const bridge = file(`10-sekisho-bridge.${network.name}.netdev`, [
    ['NetDev', `Name=${network.device}`, 'Kind=bridge'],
    // Snooping without a querier on the segment forgets listeners; a few ports can be flooded.
    ['Bridge', 'STP=no', 'MulticastSnooping=no'],
  ])
  const ports = network.members.map((member) =>
    file(portFileName(member.device), [
      ['Match', `Name=${member.device}`],
      ['Link', 'RequiredForOnline=no'],
      [
        'Network',
        `Bridge=${network.device}`,
        ...vlansOn(member.device, members),
        'LinkLocalAddressing=no',
        'IPv6AcceptRA=no',
        'ConfigureWithoutCarrier=yes',
        'LLDP=no',
        'EmitLLDP=no',
      ],
    ]),
  )
  return [own, bridge, ...ports]
}

function networkSections(network: Network, router: Router, vlans: readonly string[]): Section[] {
  const { wan } = router
  const delegated = learnsIpv6(wan)
  const fixed = [network.ula, network.global].filter((prefix) => prefix !== undefined)
  const announces = delegated || fixed.length > 0
  const routes = [
    network.ula && router.ulaPrefix,
    network.global && wan.config.mode === 'static' ? wan.config.prefix6 : undefined,
  ].filter((prefix) => prefix !== undefined)
  return [
    [
      'Network',
      `Address=${network.address}/${network.prefixLength}`,
      ...fixed.map(({ address }) => `Address=${address}/64`),
      ...vlans,
      'DHCP=no',
      `LinkLocalAddressing=${announces ? 'ipv6' : 'no'}`,
      'IPv6AcceptRA=no',
      `IPv6SendRA=${yesNo(announces)}`,
      delegated && 'DHCPPrefixDelegation=yes',
      'ConfigureWithoutCarrier=yes',
      'IgnoreCarrierLoss=yes',
      'LLDP=no',
      'EmitLLDP=no',
    ],
    [
      'DHCPPrefixDelegation',
      ...(delegated
        ? [
            `UplinkInterface=${wan.device}`,
            `SubnetId=0x${network.subnetId.toString(16)}`,
            'Token=::1',
            'Announce=yes',
          ]
        : []),
    ],
    [
      'IPv6SendRA',
      ...(announces
        ? [
            // RFC 7084 G-4: no default router until there is a default route. The agent raises it by a drop-in.
            'RouterLifetimeSec=0',
            'EmitDNS=yes',
            `DNS=${network.ula?.address ?? '_link_local'}`,
            'EmitDomains=yes',
            `Domains=${router.domain}`,
          ]
        : []),
    ],
    ...fixed.map(({ prefix }) => ['IPv6Prefix', `Prefix=${prefix}`] as const),
    // RFC 7084 L-3: with a router lifetime of zero, the other networks are reached by route information.
    ...routes.map((route) => ['IPv6RoutePrefix', `Route=${route}`] as const),
  ]
}

function vlanFile(member: Member): RenderedFile {
  return file(`10-sekisho-vlan.${member.device}.netdev`, [
    ['NetDev', `Name=${member.device}`, 'Kind=vlan'],
    ['VLAN', `Id=${member.vlan}`],
  ])
}

/** A port that only carries tagged frames. */
function trunkFile(port: string, members: readonly Member[], wan: Wan): RenderedFile {
  const header = wan.config.mode === 'pppoe' ? 8 : 0
  const needs = wan.member.port === port ? wan.mtu + header : 1500
  return file(portFileName(port), [
    ['Match', `Name=${port}`],
    ['Link', 'RequiredForOnline=no', needs > 1500 && `MTUBytes=${needs}`],
    [
      'Network',
      ...vlansOn(port, members),
      'LinkLocalAddressing=no',
      'IPv6AcceptRA=no',
      'ConfigureWithoutCarrier=yes',
      'LLDP=no',
      'EmitLLDP=no',
    ],
  ])
}

function yesNo(value: boolean): 'yes' | 'no' {
  return value ? 'yes' : 'no'
}
