import type { Issue } from '../config/issue.ts'
import type { Source as Parsed } from '../config/parse.ts'
import { InterfaceName } from '../config/schema.ts'
import { type Cidr, contains, formatPrefix, parseCidr, parseIp } from '../lib/ip.ts'
import { list, readJson, record } from './json-source.ts'
import type { ReportBook } from './report.ts'
import type { Source } from './source.ts'

/** What the article's config.json says; each part may be missing. */
export interface OldConfig {
  readonly file: string
  readonly s3?: OldS3
  readonly dhcp?: { readonly interfaces: readonly string[]; readonly pools: readonly string[] }
  /** The router's own address in its network. */
  readonly network?: Cidr
  readonly monitor?: string
  readonly mackerelKey?: string
  /** There was a MySQL server for the leases. */
  readonly hasDatabase: boolean
}

export interface OldS3 {
  readonly key: string
  readonly secret: string
  readonly region: string
  readonly bucket: string
  readonly endpoint?: string
}

export type ReadConfig =
  | { readonly ok: true; readonly config: OldConfig }
  | { readonly ok: false; readonly issues: readonly Issue[] }

const KNOWN = ['s3', 'dhcp', 'network', 'monitor', 'mackerel', 'kea-db']

/** Reads a config.json: the form that the article prints, and the one with `kea-db`. All that is wrong comes at once. */
export function readConfig(from: Source, book: ReportBook): ReadConfig {
  const read = readJson(from)
  if (!read.ok) return read
  const { source } = read
  const { file } = from
  const root = record(source.value)
  const issues: Issue[] = []
  const wrong = (path: readonly (string | number)[], message: string, fix: string) =>
    issues.push({ path, message, fix, location: source.locate(path) })

  if (!KNOWN.some((key) => Object.hasOwn(root, key)))
    wrong(
      [],
      'this is not a config.json of the old router: it has neither dhcp nor network',
      'name the file that setup.py read',
    )
  for (const key of Object.keys(root))
    if (!KNOWN.includes(key))
      book.add('left', place(source, [key]), key.slice(0, 40), 'this key is not known')

  const s3 = s3Of(root, wrong)
  const network = networkOf(root, wrong)
  const dhcp = dhcpOf(root, wrong)
  const monitor = textOf(record(root.monitor).interface)
  const mackerelKey = secretOf(record(root.mackerel).api_key, ['mackerel', 'api_key'], wrong)
  if (Object.hasOwn(root, 'kea-db'))
    book.add(
      'left',
      place(source, ['kea-db']),
      'kea-db: the password of the MySQL server',
      'leases are in a file, or in a database that makes its own password',
    )
  if (issues.length > 0) return { ok: false, issues }
  return {
    ok: true,
    config: {
      file,
      hasDatabase: Object.hasOwn(root, 'kea-db'),
      ...(s3 && { s3 }),
      ...(network && { network }),
      ...(dhcp && { dhcp }),
      ...(monitor !== undefined && { monitor }),
      ...(mackerelKey !== undefined && { mackerelKey }),
    },
  }
}

type Wrong = (path: readonly (string | number)[], message: string, fix: string) => void

function place(source: Parsed, path: readonly (string | number)[]): string {
  return `${source.file}:${source.locate(path, 'key').line}`
}

/** What an access key or a password of a service is made of: no blanks and no quotes. */
const SECRET = /^[!#-&(-~]{1,512}$/

function secretOf(value: unknown, path: readonly string[], wrong: Wrong): string | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string' && SECRET.test(value)) return value
  wrong(path, 'this has signs that no key has', 'write the key, without blanks and quotes in it')
  return undefined
}

function s3Of(root: Readonly<Record<string, unknown>>, wrong: Wrong): OldS3 | undefined {
  if (!Object.hasOwn(root, 's3')) return undefined
  const s3 = record(root.s3)
  const [key, secret] = [secretOf(s3.key, ['s3', 'key'], wrong), secretOf(s3.secret, ['s3', 'secret'], wrong)]
  const [region, bucket] = [textOf(s3.region), textOf(s3.bucket_name) ?? textOf(s3.bucket)]
  for (const [name, value] of [
    ['key', s3.key],
    ['secret', s3.secret],
    ['region', region],
    ['bucket_name', bucket],
  ] as const)
    if (value === undefined || value === '')
      wrong(['s3', name], `s3.${name} is missing`, 'add it, or remove s3')
  const endpoint = textOf(s3.endpoint)
  if (key === undefined || secret === undefined || region === undefined || bucket === undefined)
    return undefined
  return { key, secret, region, bucket, ...(endpoint !== undefined && { endpoint }) }
}

function networkOf(root: Readonly<Record<string, unknown>>, wrong: Wrong): Cidr | undefined {
  if (!Object.hasOwn(root, 'network')) return undefined
  const { internal_gateway: gateway, subnet } = record(root.network)
  const prefix = parseCidr(textOf(subnet) ?? '')?.prefix
  const ip = parseIp(textOf(gateway) ?? '')
  if (prefix?.version !== 4)
    wrong(['network', 'subnet'], 'this is no IPv4 network', 'write it like 10.0.0.0/24')
  if (ip?.version !== 4)
    wrong(['network', 'internal_gateway'], 'this is no IPv4 address', 'write it like 10.0.0.1')
  if (prefix?.version !== 4 || ip?.version !== 4) return undefined
  if (contains(prefix, ip)) return { ip, prefix }
  wrong(
    ['network', 'internal_gateway'],
    `the gateway is not in ${formatPrefix(prefix)}`,
    'write an address of network.subnet',
  )
  return undefined
}

function dhcpOf(root: Readonly<Record<string, unknown>>, wrong: Wrong): OldConfig['dhcp'] {
  if (!Object.hasOwn(root, 'dhcp')) return undefined
  const { interfaces, pools } = record(root.dhcp)
  const names = list(interfaces).flatMap((value, i) => {
    if (value === 'lo' || value === '*') return []
    if (InterfaceName.safeParse(value).success) return [String(value)]
    wrong(['dhcp', 'interfaces', i], 'this is no name of a network port', 'write it as "ip link" shows it')
    return []
  })
  const ranges = list(pools).flatMap((value, i) => {
    const text = textOf(value) ?? ''
    if (/^\s*[\d.]{7,15}\s*-\s*[\d.]{7,15}\s*$/.test(text)) return [text.trim()]
    wrong(['dhcp', 'pools', i], 'this is no range of addresses', 'write it like 10.0.0.129 - 10.0.0.254')
    return []
  })
  return { interfaces: names, pools: ranges }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
