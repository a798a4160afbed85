import type { Issue } from '../config/issue.ts'
import { type Facts, readFacts } from './facts.ts'
import { type ImportedFirewall, importFirewall } from './firewall.ts'
import type { Installation } from './installation.ts'
import { leaseFile } from './lease-file.ts'
import { modulesOf } from './modules-of.ts'
import { networkEntry } from './network-entry.ts'
import { type Noted, type NotedMap, noted } from './noted.ts'
import { networksOf, type OldNetwork } from './old-networks.ts'
import { ReportBook } from './report.ts'
import type { Secret } from './secret.ts'
import { uplinkOf } from './uplink.ts'
import { wanEntry } from './wan-entry.ts'

/** What the files do not say and the user, or the machine, does. */
export interface Choices {
  /** The port that faces the Internet, on this machine. */
  readonly wan?: string | undefined
  /** Names of ports on the old machine → on this one. */
  readonly rename: ReadonlyMap<string, string>
  readonly hostname: string
  readonly timezone: string
  readonly ula: string
  readonly secretsFolder: string
  readonly leaseDatabase?: 'memfile' | 'mariadb' | undefined
  readonly s3Endpoint?: string | undefined
  readonly softflowd?: boolean | undefined
  /** Whether this machine has a file that router.yaml would name. */
  readonly hasFile: (path: string) => boolean
}

export type Imported =
  | { readonly kind: 'broken'; readonly issues: readonly Issue[] }
  /** No file says which port faces the Internet. */
  | { readonly kind: 'no-wan'; readonly lan: readonly string[] }
  | {
      readonly kind: 'router'
      readonly router: Noted
      /** For files of their own; never in router.yaml, never shown. */
      readonly secrets: readonly Secret[]
      /** Kea's lease file. */
      readonly leases?: string
      readonly book: ReportBook
    }

/** Makes a router.yaml of an old installation. Pure: what to write comes back, nothing is written. */
export function importRouter(from: Installation, choices: Choices): Imported {
  const book = new ReportBook()
  const read = readFacts(from, book)
  if (!read.ok) return { kind: 'broken', issues: read.issues }
  const { facts } = read
  const uplink = uplinkOf(facts)
  const named = (name: string) => choices.rename.get(name) ?? name
  const outside = [...new Set([...uplink.devices, ...oldNames(choices, facts)])]
  const networks = networksOf(facts, outside, (name) => choices.rename.has(name), book)
  const nothing = judgeNetworks(networks, from)
  if (nothing) return { kind: 'broken', issues: [nothing] }
  const port = choices.wan ?? uplink.port
  if (port === undefined)
    return { kind: 'no-wan', lan: networks.flatMap(({ ports }) => ports.map(({ name }) => named(name))) }

  const secrets: Secret[] = []
  const keep = (name: string, text: string): string => {
    secrets.push({ name, text })
    return `${choices.secretsFolder}/${name}`
  }
  const firewall = facts.iptables && importFirewall(facts.iptables, zonesOf(networks, outside), book)
  const wan = wanEntry({
    uplink,
    port: named(port),
    isChosen: choices.wan !== undefined,
    facts,
    keep,
    secretsFolder: choices.secretsFolder,
    book,
  })
  const router: Noted = noted({
    version: noted(1),
    ...names(facts, choices, book),
    wan,
    networks: noted(
      Object.fromEntries(
        networks.map((network, i) => [
          network.name,
          networkEntry(network, { subnetId: i + 1, named, access: firewall?.access.get(network.name), book }),
        ]),
      ),
      'Each network is a zone: it reaches the Internet, and not the other networks.',
    ),
    ...firewallEntry(firewall),
    modules: modulesOf({ facts, choices, networks, keep, book }),
  })
  const leases = facts.leases.map(({ file, leases: found }) =>
    leaseFile(
      found,
      networks.map((network, i) => ({ ...network, address: network.ip, subnetId: i + 1 })),
      file,
      book,
    ),
  )
  return { kind: 'router', router, secrets, book, ...(leases[0] !== undefined && { leases: leases[0] }) }
}

/** What the port that the user names for the WAN may be called in the old files. */
function oldNames({ wan, rename }: Choices, { config, interfaces }: Facts): string[] {
  if (wan === undefined) return []
  // A mistake is not to become the truth: a port of a network stays one, and the check finds it twice.
  const inside = interfaces.filter(({ method, gateway }) => method === 'static' && gateway === undefined)
  const taken = [...(config?.dhcp?.interfaces ?? []), ...inside.map(({ name }) => name)]
  const old = [...rename].flatMap(([before, now]) => (now === wan && !taken.includes(before) ? [before] : []))
  return rename.has(wan) || old.length === 0 ? [wan] : old
}

function judgeNetworks(networks: readonly OldNetwork[], from: Installation): Issue | undefined {
  const fix = 'name the old config.json, or a folder with it or with etc/network/interfaces'
  if (networks.length === 0)
    return { path: [], message: 'no file says which network the old router served', fix }
  const bare = networks.find(({ ports }) => ports.length === 0)
  if (!bare) return undefined
  const file = from.config?.file ?? bare.from
  return {
    path: [],
    message: `${file} does not say on which port the network ${bare.name} is`,
    fix: 'write the port under dhcp.interfaces of config.json',
  }
}

function zonesOf(networks: readonly OldNetwork[], wan: readonly string[]) {
  return {
    wan,
    networks: networks.map(({ name, prefix, ip, devices }) => ({ name, prefix, address: ip, devices })),
  }
}

function names(facts: Facts, choices: Choices, book: ReportBook): NotedMap {
  if (facts.hostname === undefined) book.add('assumed', 'this machine', `hostname: ${choices.hostname}`)
  book.add('assumed', 'this machine', `timezone: ${choices.timezone}`)
  return {
    hostname:
      facts.hostname === undefined
        ? noted(choices.hostname, "this machine's name")
        : noted(facts.hostname, 'etc/hostname'),
    timezone: noted(choices.timezone, "this machine's"),
    ula_prefix: noted(
      choices.ula,
      'IPv6 addresses that stay when the provider changes; random, made for this site (RFC 4193). Do not change it.',
    ),
  }
}

function firewallEntry(firewall: ImportedFirewall | undefined): NotedMap {
  if (!firewall) return {}
  const { deny, allow, forwards } = firewall
  const parts = Object.entries({ deny, allow, forwards }).filter(([, list]) => list.length > 0)
  if (parts.length === 0) return {}
  return { firewall: noted(Object.fromEntries(parts.map(([key, list]) => [key, noted(list)]))) }
}
