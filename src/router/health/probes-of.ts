import { randomBytes } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { z } from 'zod'
import { contains, parseCidr, parseIp } from '../../lib/ip.ts'
import type { DesiredState } from '../desired.ts'
import type { Host } from '../host.ts'
import type { Listen } from '../module.ts'
import { observeServices } from '../observe.ts'
import { queryDns } from './dns-query.ts'
import { forwardingProbes } from './forwarding.ts'
import type { Probe } from './probe.ts'

/** What of agent.json the probes go by. */
const About = z.object({
  hostname: z.string(),
  domain: z.string(),
  wan: z.object({ device: z.string() }),
  networks: z.array(z.object({ name: z.string(), prefix: z.string(), advertise: z.boolean() })),
  resolver: z.string().optional(),
})
type About = z.output<typeof About>

/** What a router with this state must do for people, as questions to the machine; see Probe. */
export function probesOf(host: Host, desired: DesiredState): Probe[] {
  const text = desired.files.find(({ path }) => path === 'agent.json')?.text
  if (text === undefined) return []
  const about = About.parse(JSON.parse(text))
  const { device } = about.wan
  const listens = desired.services.flatMap((service) => service.listens ?? [])
  return [
    { name: 'WAN address (IPv4)', run: () => wanAddress(host, device) },
    // Networks are told of IPv6 when the WAN has it.
    ...(about.networks.some(({ advertise }) => advertise) ? ([4, 6] as const) : ([4] as const)).map(
      (family) => ({
        name: `default route (IPv${family})`,
        run: () => defaultRoute(host, device, family),
      }),
    ),
    ...(about.resolver === undefined ? [] : dnsProbes(host, about, addressesOf(listens, 53))),
    ...addressesOf(listens, 67).map((address) => ({
      name: `DHCP in ${zoneOf(about, address)}`,
      run: () => listening(host, address, 67),
    })),
    ...forwardingProbes(host),
    ...(desired.services.length > 0
      ? [{ name: 'containers', run: () => containers(host, desired.services) }]
      : []),
  ]
}

/** IPv4 only: networkd keeps those addresses usable on a port without a cable too. */
function addressesOf(listens: readonly Listen[], port: number): string[] {
  const found = listens.filter((listen) => listen.protocol === 'udp' && listen.port === port)
  return [...new Set(found.flatMap(({ addresses }) => addresses ?? ['127.0.0.1']))].filter(isIPv4).sort()
}

/** The network that an address of the router is in, whatever it is numbered: so that before and after compare. */
function zoneOf({ networks }: About, address: string): string {
  const ip = parseIp(address)
  const network = networks.find(({ prefix }) => {
    const cidr = parseCidr(prefix)
    return ip && cidr && contains(cidr.prefix, ip)
  })
  return network?.name ?? 'the router itself'
}

const Addresses = z.array(
  z.object({ addr_info: z.array(z.object({ local: z.string() }).partial()).default([]) }).partial(),
)

async function wanAddress(host: Host, device: string): Promise<string | undefined> {
  const found = await ask(host, ['ip', '-json', '-4', 'address', 'show', 'dev', device, 'scope', 'global'])
  const links = Addresses.safeParse(found)
  const some = links.success && links.data.some(({ addr_info = [] }) => addr_info.length > 0)
  return some ? undefined : `${device} has no address`
}

async function defaultRoute(host: Host, device: string, family: 4 | 6): Promise<string | undefined> {
  // A route may outlive its cable.
  const carrier = await host.read(`/sys/class/net/${device}/carrier`).catch(() => undefined)
  if (carrier?.trim() !== '1') return `${device} has no carrier`
  const argv = ['ip', '-json', `-${family}`, 'route', 'show', 'default', 'dev', device]
  const found = await ask(host, argv)
  return Array.isArray(found) && found.length > 0 ? undefined : `no default route by ${device}`
}

/** What an `ip -json` command prints; undefined when it prints nothing that can be read. */
async function ask(host: Host, argv: readonly string[]): Promise<unknown> {
  const { code, stdout } = await host.exec(argv, { timeoutMs: 5000 })
  try {
    return code === 0 ? JSON.parse(stdout) : undefined
  } catch {
    return undefined
  }
}

/** A name of our own is answered with or without a WAN; those of the Internet need one, and had it before. */
function dnsProbes(host: Host, about: About, addresses: readonly string[]): Probe[] {
  const own = `${about.hostname}.${about.domain}`
  const [first] = addresses
  return [
    ...addresses.map((address) => ({
      name: `DNS in ${zoneOf(about, address)}`,
      run: async () => said(own, address, await queryDns(address, own)),
    })),
    ...(first === undefined
      ? []
      : [{ name: 'DNS of the Internet', run: () => internetDns(host, about.wan.device, first) }]),
  ]
}

/**
 * A name that nobody has asked for: what is in the cache would be answered with a dead WAN too, and not again once the
 * resolver has begun anew. That there is no such name is an answer.
 */
async function internetDns(host: Host, device: string, address: string): Promise<string | undefined> {
  const ways = await Promise.all(([4, 6] as const).map((family) => defaultRoute(host, device, family)))
  if (ways.every((saw) => saw !== undefined)) return `no default route by ${device}`
  const name = `sekisho-${randomBytes(6).toString('hex')}.net`
  const saw = await queryDns(address, name, { expected: 'any answer', timeoutMs: 3000 })
  return said('a name of the Internet', address, saw)
}

function said(name: string, address: string, saw: string | undefined): string | undefined {
  return saw === undefined ? undefined : `${address} was asked for ${name}: ${saw}`
}

async function listening(host: Host, address: string, port: number): Promise<string | undefined> {
  const { stdout } = await host.exec(['ss', '-Hlnu', `sport = :${port}`], { timeoutMs: 5000 })
  const bound = stdout.split('\n').map((line) => line.trim().split(/\s+/)[3] ?? '')
  return [address, '*', '0.0.0.0', '[::]'].some((any) => bound.includes(`${any}:${port}`))
    ? undefined
    : `nobody listens at ${address} port ${port}`
}

async function containers(host: Host, wanted: DesiredState['services']): Promise<string | undefined> {
  const live = (await observeServices(host))?.services
  if (live === undefined) return 'Docker does not answer'
  const ill = wanted.flatMap(({ name }) => {
    const state = live[name]?.state ?? 'not there'
    const health = live[name]?.health ?? ''
    return state === 'running' && ['', 'healthy'].includes(health)
      ? []
      : [`${name} is ${state === 'running' ? health : state}`]
  })
  return ill.length === 0 ? undefined : ill.join(', ')
}
