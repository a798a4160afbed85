import { z } from 'zod'
import { contains, formatIp, type Ip, type Prefix, parseCidr, parseIp, prefixOf } from '../lib/ip.ts'
import type { Exec } from '../router/host.ts'
import { NFT_TABLE } from '../router/paths.ts'
import type { Ruleset, TwinHost, TwinSpec } from './twin-spec.ts'

/*
 * This router as it is now, seen through `ip`, `nft` and iptables-save, and what a twin of it needs. Nothing is changed.
 */

const Links = z.array(
  z.object({
    ifname: z.string().default(''),
    master: z.string().optional(),
    addr_info: z.array(z.object({ local: z.string(), prefixlen: z.number() }).partial()).default([]),
  }),
)
const Routes = z.array(
  z.object({
    type: z.string().optional(),
    dst: z.string(),
    gateway: z.string().optional(),
    via: z.object({ host: z.string() }).optional(),
    dev: z.string().optional(),
    protocol: z.string().optional(),
    metric: z.number().optional(),
    nexthops: z.array(z.unknown()).optional(),
  }),
)
const Neighbours = z.array(z.object({ dst: z.string(), dev: z.string(), lladdr: z.string().optional() }))

/** What a twin can have: anything else in a name could mean something to `ip`. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/
const SYSCTLS = [
  'net/ipv4/ip_forward',
  'net/ipv6/conf/all/forwarding',
  'net/ipv4/conf/all/rp_filter',
  'net/ipv4/conf/default/rp_filter',
] as const

export interface LiveDevice {
  readonly name: string
  readonly addresses: readonly { readonly ip: Ip; readonly prefix: Prefix }[]
}

export interface LiveRoute {
  readonly family: 4 | 6
  /** "default" or a prefix. */
  readonly prefix: Prefix
  readonly type: string
  readonly gateway?: string
  readonly device?: string
  readonly metric?: number
  /** The kernel makes it by itself for an address. */
  readonly own: boolean
}

export interface Live {
  readonly devices: readonly LiveDevice[]
  readonly routes: readonly LiveRoute[]
  readonly neighbours: readonly { readonly address: string; readonly device: string; readonly mac: string }[]
  readonly rulesets: readonly Ruleset[]
  readonly sysctls: Readonly<Record<string, string>>
  /** What could not be seen, in words. */
  readonly notes: readonly string[]
}

/** Looks at this machine. Throws when `ip` or `nft` do not answer, which takes root. */
export async function observeLive(
  exec: Exec,
  read: (path: string) => Promise<string | undefined>,
): Promise<Live> {
  const ask = async (argv: readonly string[]) => {
    const { code, stdout, stderr } = await exec(argv)
    if (code !== 0) throw new Error(`${argv.join(' ')}: ${stderr.trim() || `code ${code}`}`)
    return stdout
  }
  const [links, four, six, neighbours, nft, rules] = await Promise.all([
    ask(['ip', '-json', 'address']),
    ask(['ip', '-json', '-4', 'route']),
    ask(['ip', '-json', '-6', 'route']),
    ask(['ip', '-json', 'neigh']),
    ask(['nft', '--stateless', 'list', 'ruleset']),
    ask(['ip', 'rule']),
  ])
  const devices = Links.parse(JSON.parse(links))
    .filter(({ ifname, master }) => ifname !== 'lo' && NAME.test(ifname) && master === undefined)
    .map(({ ifname, addr_info }) => ({
      name: ifname,
      addresses: addr_info.flatMap(({ local = '', prefixlen = 0 }) => {
        const ip = parseIp(local)
        return ip ? [{ ip, prefix: prefixOf(ip, prefixlen) }] : []
      }),
    }))
  const notes: string[] = []
  const routes = [...routesOf(four, 4, notes), ...routesOf(six, 6, notes)]
  if (rules.split('\n').filter((line) => line.trim() !== '').length > 3)
    notes.push('the rules of policy routing (ip rule) have no part in this')
  const sysctls: Record<string, string> = {}
  for (const path of SYSCTLS) {
    const value = (await read(`/proc/sys/${path}`))?.trim()
    if (value !== undefined) sysctls[path] = value
  }
  return {
    devices,
    routes,
    neighbours: Neighbours.parse(JSON.parse(neighbours)).flatMap(({ dst, dev, lladdr }) =>
      lladdr === undefined ? [] : [{ address: dst, device: dev, mac: lladdr }],
    ),
    rulesets: await rulesetsOf(nft, exec, notes),
    sysctls,
    notes,
  }
}

function routesOf(json: string, family: 4 | 6, notes: string[]): LiveRoute[] {
  return Routes.parse(JSON.parse(json)).flatMap((route): LiveRoute[] => {
    const { dst, gateway, via, dev, protocol, metric, type = 'unicast', nexthops } = route
    if (nexthops !== undefined) {
      notes.push(`the route ${dst} has several next hops and has no part in this`)
      return []
    }
    const text = dst === 'default' ? (family === 4 ? '0.0.0.0/0' : '::/0') : dst
    const ip = parseIp(text)
    const prefix = ip ? prefixOf(ip, family === 4 ? 32 : 128) : parseCidr(text)?.prefix
    if (!prefix || !['unicast', 'unreachable', 'blackhole', 'prohibit'].includes(type)) return []
    const hop = gateway ?? via?.host
    return [
      {
        family,
        prefix,
        type,
        ...(hop !== undefined && { gateway: hop }),
        ...(dev !== undefined && { device: dev }),
        ...(metric !== undefined && { metric }),
        own: protocol === 'kernel' && hop === undefined && type === 'unicast',
      },
    ]
  })
}

/**
 * The ruleset, table by table, as a program takes it that can load it again: what iptables made uses parts of the kernel
 * that nft shows and does not read.
 */
async function rulesetsOf(listing: string, exec: Exec, notes: string[]): Promise<Ruleset[]> {
  const tables = [...listing.matchAll(/^table (\S+) (\S+) \{\n[\s\S]*?^\}$/gm)]
  const rulesets: Ruleset[] = []
  const xtables = new Set<string>()
  for (const [text, family = '', name = ''] of tables) {
    const managed = listing.includes(`# Warning: table ${family} ${name} is managed by iptables-nft`)
    if (managed || /\bxt (match|target)\b/.test(text)) xtables.add(family)
    else
      rulesets.push({
        what: `the table ${family} ${name}`,
        argv: ['nft', '-f', '-'],
        text: `${readable(text)}\n`,
        // Without our own there is nothing to explain.
        ...(name !== NFT_TABLE && { optional: true as const }),
      })
  }
  for (const [family, save, restore] of [
    ['ip', 'iptables-save', 'iptables-restore'],
    ['ip6', 'ip6tables-save', 'ip6tables-restore'],
  ] as const) {
    if (!xtables.has(family)) continue
    const { code, stdout, stderr } = await exec([save])
    if (code === 0)
      rulesets.push({ what: `what iptables made (${family})`, argv: [restore], text: stdout, optional: true })
    else
      notes.push(
        `the rules that iptables made (${family}) have no part in this: ${stderr.trim() || `no ${save}`}`,
      )
  }
  return rulesets
}

/** nft prints ports of a protocol that a set chose in a way that it does not read: "0x1770 [invalid type]". */
function readable(text: string): string {
  return text.replaceAll(
    /0x([0-9a-f]{1,4}) \[invalid type\]/g,
    (_, hex: string) => `${Number.parseInt(hex, 16)}`,
  )
}

/** The device by which an address is reached, and how; undefined when it is the router's own or there is no way. */
export function wayTo(ip: Ip, { routes }: Live): (LiveRoute & { readonly device: string }) | undefined {
  const [best] = routes
    .filter(({ prefix, family }) => family === ip.version && contains(prefix, ip))
    .toSorted((a, b) => b.prefix.length - a.prefix.length || (a.metric ?? 0) - (b.metric ?? 0))
  return best?.device === undefined || best.type !== 'unicast' ? undefined : { ...best, device: best.device }
}

/** Whether an address is the router's own. */
export function isOwn(ip: Ip, { devices }: Live): boolean {
  const loopback = ip.version === 4 ? ip.value >> 24n === 127n : ip.value === 1n
  return (
    loopback ||
    devices.some(({ addresses }) =>
      addresses.some((one) => one.ip.version === ip.version && one.ip.value === ip.value),
    )
  )
}

/**
 * A twin of what is live, with hosts that have the addresses given: each of them on the device that leads to it, with
 * the MAC address that it has now; beside them whoever a next hop or a translation leads to.
 */
export function liveTwin(live: Live, addresses: readonly Ip[]): TwinSpec {
  const placed = addresses.flatMap((ip) => {
    const way = isOwn(ip, live) ? undefined : wayTo(ip, live)
    return way ? [{ ip, way }] : []
  })
  const used = live.devices.filter(
    ({ name, addresses: own }) => own.length > 0 || live.routes.some((r) => r.device === name),
  )
  const hosts = used.flatMap((device) => hostsOn(device, live, placed))
  return {
    devices: used.map(({ name, addresses: own }) => ({
      name,
      addresses: own.map(({ ip, prefix }) => `${formatIp(ip)}/${prefix.length}`),
    })),
    hosts,
    routes: live.routes
      .filter(({ own, device, type }) => {
        return !own && (type !== 'unicast' || used.some(({ name }) => name === device))
      })
      // Next hops of the link come before what needs them.
      .toSorted((a, b) => Number(a.gateway !== undefined) - Number(b.gateway !== undefined))
      .map(routeText),
    sysctls: live.sysctls,
    rulesets: live.rulesets,
  }
}

function routeText({ type, prefix, gateway, device, metric, family }: LiveRoute): string {
  const target =
    prefix.length === 0 ? 'default' : `${formatIp({ version: family, value: prefix.first })}/${prefix.length}`
  return [
    ...(type === 'unicast' ? [] : [type]),
    target,
    ...(gateway === undefined ? [] : ['via', gateway]),
    ...(device === undefined || type !== 'unicast' ? [] : ['dev', device]),
    ...(gateway === undefined ? [] : ['onlink']),
    ...(metric === undefined ? [] : ['metric', String(metric)]),
  ].join(' ')
}

function hostsOn(
  device: LiveDevice,
  live: Live,
  placed: readonly { readonly ip: Ip; readonly way: LiveRoute & { readonly device: string } }[],
): TwinHost[] {
  const { name, addresses: own } = device
  const onLink = (ip: Ip) => own.find(({ prefix }) => prefix.version === ip.version && contains(prefix, ip))
  const here = placed.filter(({ way }) => way.device === name).map(({ ip }) => ip)
  const length = (ip: Ip) => onLink(ip)?.prefix.length ?? (ip.version === 4 ? 32 : isLinkLocal(ip) ? 64 : 128)
  // A way without a next hop (a point-to-point link) ends on the link, wherever that is.
  const isNear = (ip: Ip) => onLink(ip) !== undefined || wayTo(ip, live)?.gateway === undefined
  const routes = ([4, 6] as const).flatMap((version) => {
    const mine = own.filter(({ ip }) => ip.version === version)
    const best = mine.find(({ ip }) => !isLinkLocal(ip)) ?? mine[0]
    return best ? [`default via ${formatIp(best.ip)}`] : []
  })
  const text = (ip: Ip) => `${formatIp(ip)}/${length(ip)}`
  const known = here.flatMap((ip) => {
    const address = formatIp(ip)
    const mac = live.neighbours.find((one) => one.address === address && one.device === name)?.mac
    return mac !== undefined && onLink(ip) ? [{ ip, mac, address }] : []
  })
  const rest = here.filter((ip) => !known.some((one) => one.ip === ip))
  const hops = live.routes.flatMap((route) =>
    route.device === name ? (parseIp(route.gateway ?? '') ?? []) : [],
  )
  const targets = translations(live).filter((ip) => onLink(ip) && !isOwn(ip, live))
  const taken = new Set(known.map(({ address }) => address))
  const near = [...hops, ...targets, ...rest.filter(isNear)].filter((ip) => !taken.has(formatIp(ip)))
  const far = rest.filter((ip) => !isNear(ip))
  return [
    // All addresses of a MAC address are in one host: of two, a bridge would send to the one that spoke last.
    ...[...Map.groupBy(known, ({ mac }) => mac)].map(([mac, ones]) => ({
      name: `${name} ${mac}`,
      device: name,
      mac,
      addresses: [...new Set(ones.map(({ ip }) => text(ip)))],
      behind: [],
      routes,
    })),
    {
      name,
      device: name,
      addresses: [...new Set(near.map(text))],
      behind: [...new Set(far.map((ip) => `${formatIp(ip)}/${ip.version === 4 ? 32 : 128}`))],
      routes,
    },
  ]
}

function isLinkLocal({ version, value }: Ip): boolean {
  return version === 6 && value >> 118n === 0x3fan
}

/** Where the rules lead packets by destination NAT. */
function translations({ rulesets }: Live): Ip[] {
  return rulesets.flatMap(({ text }) =>
    [
      ...text.matchAll(
        /(?:dnat (?:ip |ip6 )?to|--to-destination) \[?([0-9a-f.:]+?)\]?(?::\d+(?:-\d+)?)?(?=[\s,]|$)/gm,
      ),
    ].flatMap((match) => parseIp(match[1] ?? '') ?? []),
  )
}
