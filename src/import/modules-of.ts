import { formatIp } from '../lib/ip.ts'
import type { OldS3 } from './config-json.ts'
import type { Facts } from './facts.ts'
import type { Choices } from './import-router.ts'
import type { OldOption } from './kea-config.ts'
import { type Noted, type NotedMap, noted, row } from './noted.ts'
import type { OldNetwork } from './old-networks.ts'
import type { ReportBook } from './report.ts'
import { isPlaceholder } from './secret.ts'

interface From {
  readonly facts: Facts
  readonly choices: Choices
  readonly networks: readonly OldNetwork[]
  readonly keep: (name: string, text: string) => string
  readonly book: ReportBook
}

/** The services that the old router had, as modules. */
export function modulesOf(from: From): Noted {
  const { choices } = from
  const isDatabase = choices.leaseDatabase === 'mariadb'
  return noted({
    unbound: unbound(from),
    kea: kea(from),
    ...(isDatabase && { mariadb: noted({}, "kea's leases") }),
    recorder: recorder(from),
    watch: watch(from),
    ...(choices.softflowd && { softflowd: softflowd(from) }),
    ...mackerel(from),
  })
}

function unbound({ facts: { unbound: old }, choices, book }: From): Noted {
  const file = (key: string, path: string | undefined): NotedMap => {
    if (path === undefined) return {}
    if (path.startsWith('/') && choices.hasFile(path)) return { [key]: noted(path, 'unbound.conf') }
    book.add(
      'left',
      'unbound.conf',
      `${key}: ${path}`,
      'this machine has no such file; the resolver knows the root by itself',
    )
    return {}
  }
  if (!old) return noted({}, 'DNS, as before')
  const { forwardTo, privateDomains, cacheBytes, rootHints, trustAnchor } = old
  return noted(
    {
      ...(forwardTo.length > 0 && { forward_to: row(forwardTo, 'unbound.conf') }),
      ...(privateDomains.length > 0 && { private_domains: row(privateDomains, 'unbound.conf') }),
      ...(cacheBytes !== undefined && { cache_bytes: noted(cacheBytes, 'unbound.conf') }),
      ...file('root_hints_file', rootHints),
      ...file('trust_anchor_file', trustAnchor),
    },
    'DNS, as before',
  )
}

function kea({ facts, choices, networks, book }: From): Noted {
  const own = networks.map(({ ip }) => formatIp(ip))
  const servers = [...new Set(facts.kea?.subnets.flatMap(({ dnsServers }) => dnsServers) ?? [])]
  const others = servers.some((server) => !own.includes(server)) ? servers : []
  for (const { routers, from, prefix } of facts.kea?.subnets ?? []) {
    const network = networks.find((one) => one.prefix.first === prefix.first)
    if (!network) book.add('left', from, 'a subnet of Kea', 'the router has no address in it')
    else if (routers.length > 0 && !routers.includes(formatIp(network.ip)))
      book.add(
        'left',
        from,
        `the gateway ${routers.join(', ')}`,
        `clients of ${network.name} are told the router itself`,
      )
  }
  if (choices.leaseDatabase === undefined)
    book.add(
      'assumed',
      'kea',
      "leases are kept in kea's own file",
      'for a database: --lease-database mariadb',
    )
  return noted(
    {
      ...(others.length > 0 && { dns_servers: row(others, 'kea-config.json') }),
      ...(choices.leaseDatabase === 'mariadb' && { lease_database: noted('mariadb') }),
      ...options(facts.kea?.options ?? [], networks),
    },
    'DHCP, as before',
  )
}

/** What clients are told besides, in the networks in which they were told. */
function options(old: readonly OldOption[], networks: readonly OldNetwork[]): NotedMap {
  const entries = old.flatMap(({ name, data, isHex, prefix, from }): Noted[] => {
    const names = networks.filter((one) => prefix === undefined || one.prefix.first === prefix.first)
    if (names.length === 0) return []
    const of = {
      ...(typeof name === 'number' ? { code: noted(name) } : { name: noted(name) }),
      data: noted(data),
      ...(isHex && { csv_format: noted(false) }),
      ...(names.length < networks.length && { networks: row(names.map((network) => network.name)) }),
    }
    return [{ of, flow: true, note: from }]
  })
  return entries.length > 0 ? { option_data: noted(entries, entries[0]?.note) } : {}
}

function recorder({ facts, choices, keep, book }: From): Noted {
  const { config, fluent } = facts
  const old: Partial<OldS3> = { ...fluent?.s3, ...config?.s3 }
  const endpoint = choices.s3Endpoint ?? old.endpoint
  const { key, secret, region, bucket } = old
  const from = config?.s3 ? config.file : 'fluent.conf'
  const ports: NotedMap = {
    ...(fluent?.forwardPort !== undefined && {
      forward: noted({ port: noted(fluent.forwardPort, 'fluent.conf') }),
    }),
    ...(fluent?.netflowPort !== undefined && {
      netflow: noted({ port: noted(fluent.netflowPort, 'fluent.conf') }),
    }),
  }
  const about = "what Fluentd did: containers' lines, the host's syslog, NetFlow, events of programs"
  if (bucket === undefined || region === undefined || !isKey(key) || !isKey(secret)) {
    book.add('assumed', from, 'the records stay on this machine', 'no file has an S3 bucket with its key')
    return noted(ports, about)
  }
  const credentials = keep('s3', `[default]\naws_access_key_id = ${key}\naws_secret_access_key = ${secret}\n`)
  book.add('carried', from, `the bucket ${bucket}`, 'modules.recorder.archive.s3')
  book.add('carried', from, 'the access key of S3', credentials)
  book.add(
    'assumed',
    from,
    'new objects are Parquet, a file a day and kind',
    "old ones stay where they are; for Fluentd's layout: archive.format: ndjson.gz",
  )
  if (isPlaceholder(key ?? '') || isPlaceholder(secret ?? ''))
    book.add(
      'todo',
      from,
      `write the access key into ${credentials}`,
      'the one that was imported only stands for one',
    )
  return noted(
    {
      ...ports,
      archive: noted({
        s3: noted({
          bucket: noted(bucket, from),
          region: noted(region, from),
          ...(endpoint !== undefined && { endpoint: noted(endpoint) }),
          credentials_file: noted(credentials),
        }),
      }),
    },
    about,
  )
}

/** What may be written into a file of credentials, a line for each. */
function isKey(value: string | undefined): boolean {
  return value !== undefined && /^[!#-&(-~]{1,512}$/.test(value)
}

function watch({ facts: { config }, networks, book }: From): Noted {
  if (config?.monitor !== undefined) {
    const isKnown = networks.some(({ devices }) => devices.includes(config.monitor ?? ''))
    book.add(
      'carried',
      config.file,
      `monitor.interface: ${config.monitor}`,
      'modules.watch sees every network',
    )
    if (!isKnown)
      book.add(
        'assumed',
        config.file,
        `${config.monitor} is one of the networks' ports, or need not be watched`,
      )
  }
  return noted({}, 'what dns-gazer and softflowd did, for every network')
}

function softflowd({ networks }: From): Noted {
  return noted({
    interfaces: row(networks.map(({ name }) => name)),
    export: { of: { version: noted(9), to: noted('recorder') }, flow: true },
  })
}

function mackerel({ facts: { config }, keep, book }: From): NotedMap {
  if (config?.mackerelKey === undefined) return {}
  const path = keep('mackerel', `${config.mackerelKey}\n`)
  book.add('carried', config.file, 'the API key of Mackerel', path)
  if (isPlaceholder(config.mackerelKey))
    book.add(
      'todo',
      config.file,
      `write the API key into ${path}`,
      'the one that was imported only stands for one',
    )
  return { mackerel: noted({ api_key_file: noted(path) }, config.file) }
}
