import type { Issue } from '../config/issue.ts'
import { type Prefix, parseCidr } from '../lib/ip.ts'
import { list, readJson, record, withoutComments } from './json-source.ts'
import type { ReportBook } from './report.ts'
import type { Source } from './source.ts'

/** A subnet of the old DHCP server. */
export interface OldSubnet {
  readonly prefix: Prefix
  readonly pools: readonly string[]
  readonly routers: readonly string[]
  readonly dnsServers: readonly string[]
  readonly leaseSecs?: number
  readonly reservations: readonly { readonly mac: string; readonly address: string; readonly name?: string }[]
  readonly from: string
}

/** A DHCP option by its name or its number. */
export interface OldOption {
  readonly name: string | number
  readonly data: string
  readonly isHex: boolean
  /** Of one subnet only. */
  readonly prefix?: Prefix
  readonly from: string
}

export interface OldKea {
  readonly interfaces: readonly string[]
  readonly subnets: readonly OldSubnet[]
  readonly options: readonly OldOption[]
  /** The leases were in MySQL or PostgreSQL. */
  readonly hasDatabase: boolean
}

const TAKEN = ['routers', 'domain-name-servers', 'broadcast-address', 'subnet-mask']
const MAX_SUBNETS = 64
const MAX_OPTIONS = 64
const MAX_RESERVATIONS = 2000

/** Reads kea-config.json; what router.yaml has no word for is told in the book. */
export function readKea(
  from: Source,
  book: ReportBook,
): { readonly ok: true; readonly kea: OldKea } | { readonly ok: false; readonly issues: readonly Issue[] } {
  const read = readJson({ ...from, text: withoutComments(from.text) })
  if (!read.ok) return read
  const { source } = read
  const dhcp4 = record(record(source.value).Dhcp4)
  const at = (path: readonly (string | number)[]) =>
    `${from.file}:${source.locate(['Dhcp4', ...path], 'key').line}`
  const lifetime = secondsOf(dhcp4['valid-lifetime'])
  const further = furtherOptions(optionsOf(dhcp4['option-data'], ['option-data']), at)
  if (Object.hasOwn(record(source.value), 'Dhcp6'))
    book.add('left', from.file, 'DHCPv6', 'hosts make their IPv6 addresses from router advertisements')
  const subnets = list(dhcp4.subnet4)
    .slice(0, MAX_SUBNETS)
    .flatMap((value, i): OldSubnet[] => {
      const path = ['subnet4', i]
      const subnet = record(value)
      const prefix = parseCidr(typeof subnet.subnet === 'string' ? subnet.subnet : '')?.prefix
      if (prefix?.version !== 4) {
        book.add('left', at(path), `subnet ${i + 1}`, 'it is no IPv4 network')
        return []
      }
      const options = [
        ...optionsOf(subnet['option-data'], [...path, 'option-data']),
        ...optionsOf(dhcp4['option-data'], ['option-data']),
      ]
      further.push(...furtherOptions(optionsOf(subnet['option-data'], [...path, 'option-data']), at, prefix))
      const option = (name: string) =>
        (options.find((one) => one.name === name)?.data ?? '')
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== '')
      const own = secondsOf(subnet['valid-lifetime']) ?? lifetime
      return [
        {
          prefix,
          pools: list(subnet.pools).flatMap((pool) => poolOf(record(pool).pool)),
          routers: option('routers'),
          dnsServers: option('domain-name-servers'),
          ...(own !== undefined && { leaseSecs: own }),
          reservations: list(subnet.reservations)
            .slice(0, MAX_RESERVATIONS)
            .flatMap((one, n) => reservationOf(one) ?? unnamed(book, at([...path, 'reservations', n]))),
          from: at(path),
        },
      ]
    })
  const type = record(dhcp4['lease-database']).type
  return {
    ok: true,
    kea: {
      interfaces: list(record(dhcp4['interfaces-config']).interfaces).flatMap((name) =>
        typeof name === 'string' && name !== '*' && name !== 'lo' ? [name.split('/')[0] ?? ''] : [],
      ),
      subnets,
      options: further.slice(0, MAX_OPTIONS),
      hasDatabase: typeof type === 'string' && type !== 'memfile',
    },
  }
}

function optionsOf(value: unknown, path: readonly (string | number)[]) {
  return list(value).flatMap((one, i) => {
    const { name, code, data, 'csv-format': csv } = record(one)
    const known = typeof name === 'string' ? name : typeof code === 'number' ? code : undefined
    if (known === undefined) return []
    return [
      { name: known, data: typeof data === 'string' ? data : '', isHex: csv === false, path: [...path, i] },
    ]
  })
}

/** Those that Kea does not send of its own accord here. */
function furtherOptions(
  options: ReturnType<typeof optionsOf>,
  at: (path: readonly (string | number)[]) => string,
  prefix?: Prefix,
): OldOption[] {
  return options
    .filter(({ name }) => typeof name === 'number' || !TAKEN.includes(name))
    .map(({ name, data, isHex, path }) => ({ name, data, isHex, from: at(path), ...(prefix && { prefix }) }))
}

/** "first - last", or a prefix like 10.0.0.128/25, which stands for its addresses. */
function poolOf(value: unknown): string[] {
  if (typeof value !== 'string') return []
  if (!value.includes('/')) return [value.trim()]
  const prefix = parseCidr(value.trim())?.prefix
  return prefix?.version === 4 ? [`${v4(prefix.first)} - ${v4(prefix.last)}`] : []
}

function v4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
}

function reservationOf(value: unknown): OldSubnet['reservations'] | undefined {
  const { 'hw-address': mac, 'ip-address': address, hostname } = record(value)
  if (typeof mac !== 'string' || typeof address !== 'string') return undefined
  const name = typeof hostname === 'string' ? hostname.split('.')[0]?.toLowerCase() : undefined
  return [{ mac: mac.toLowerCase(), address, ...(name !== undefined && name !== '' && { name }) }]
}

function unnamed(book: ReportBook, from: string): [] {
  book.add('left', from, 'a reservation', 'a reservation is of a hw-address, and has an ip-address')
  return []
}

function secondsOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 60 && value <= 31_536_000
    ? value
    : undefined
}
