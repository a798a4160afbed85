import type { Issue } from '../config/issue.ts'
import { type Prefix, parseIpOrCidr } from '../lib/ip.ts'
import { linesOf, type Source, troubleAt, wordsOf } from './source.ts'

/*
 * The text of iptables-save, and what people write by hand in its form (iptables-restore(8), iptables-extensions(8)).
 */

export interface PortSpan {
  readonly from: number
  readonly to: number
}

export type Condition =
  | { readonly kind: 'in' | 'out'; readonly not: boolean; readonly device: string }
  | { readonly kind: 'protocol'; readonly not: boolean; readonly protocol: string }
  | { readonly kind: 'source' | 'destination'; readonly not: boolean; readonly prefix: Prefix }
  | { readonly kind: 'dports' | 'sports'; readonly not: boolean; readonly ports: readonly PortSpan[] }
  | { readonly kind: 'states'; readonly not: boolean; readonly states: readonly string[] }
  | { readonly kind: 'dst-type' | 'src-type'; readonly not: boolean; readonly type: string }
  | { readonly kind: 'icmp-type'; readonly not: boolean; readonly type: string }
  | { readonly kind: 'mac'; readonly not: boolean; readonly mac: string }

export interface IptablesRule {
  readonly line: number
  /** As it was written; it holds no secrets. */
  readonly text: string
  readonly chain: string
  readonly conditions: readonly Condition[]
  readonly target?: string | undefined
  /** "--to-destination" → "10.0.0.20:80". */
  readonly options: ReadonlyMap<string, string>
  /** The first part that is not understood: the rule matches less than its conditions say. */
  readonly unknown?: string | undefined
}

export interface IptablesTable {
  readonly name: string
  /** Of the built-in chains: ACCEPT or DROP; "-" of others. */
  readonly policies: ReadonlyMap<string, { readonly policy: string; readonly line: number }>
  readonly rules: readonly IptablesRule[]
}

export interface Iptables {
  readonly file: string
  readonly tables: readonly IptablesTable[]
  /** Lines that are no rule of a kind that is known. */
  readonly unread: readonly { readonly line: number; readonly text: string }[]
}

export type ReadIptables =
  | { readonly ok: true; readonly iptables: Iptables }
  | { readonly ok: false; readonly issues: readonly Issue[] }

export const MAX_IPTABLES_BYTES = 1024 * 1024
/** A home has fifty. Rules are compared with each other. */
const MAX_RULES = 1000
const MAX_ISSUES = 20
const BUILT_IN = new Set(['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'])

interface OpenTable {
  readonly name: string
  readonly line: number
  readonly policies: Map<string, { policy: string; line: number }>
  readonly rules: IptablesRule[]
}

/** Reads the text. What is broken so that iptables-restore would refuse it comes back as issues, all at once. */
export function readIptables({ file, text }: Source): ReadIptables {
  if (text.length > MAX_IPTABLES_BYTES)
    return {
      ok: false,
      issues: [
        troubleAt(
          file,
          1,
          `the file has more than ${MAX_IPTABLES_BYTES} bytes`,
          'is it the output of iptables-save?',
        ),
      ],
    }
  const issues: Issue[] = []
  const tables: IptablesTable[] = []
  const unread: { line: number; text: string }[] = []
  let table: OpenTable | undefined
  let count = 0
  const wrong = (line: number, message: string, fix: string) => {
    if (issues.length < MAX_ISSUES) issues.push(troubleAt(file, line, message, fix))
  }
  for (const { number, text: raw } of linesOf(text)) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    if (line.startsWith('*')) {
      if (table)
        wrong(
          number,
          `the table ${table.name} of line ${table.line} has no end`,
          'write COMMIT before this line',
        )
      table = { name: line.slice(1).trim(), line: number, policies: new Map(), rules: [] }
    } else if (!table) {
      wrong(
        number,
        'this line is in no table',
        'write a table before it, like "*filter"; is it the output of iptables-save?',
      )
      if (issues.length >= MAX_ISSUES) break
    } else if (line === 'COMMIT') {
      tables.push(table)
      table = undefined
    } else if (line.startsWith(':')) {
      const [chain = '', policy = '-'] = line.slice(1).trim().split(/\s+/)
      table.policies.set(chain, { policy, line: number })
    } else {
      if (count > MAX_RULES) {
        wrong(
          number,
          `there are more than ${MAX_RULES} rules`,
          'import a file with fewer, and add the others as sets of your own',
        )
        break
      }
      const words = wordsOf(line.replace(/^\[\d+:\d+\]\s*/, ''))
      if (!words) wrong(number, 'a quote does not end in this line', 'write the other quote')
      else count += addRule(table, { words, line: number, text: line }, unread)
    }
  }
  if (table && issues.length === 0)
    wrong(
      table.line,
      `the table ${table.name} has no end, so that iptables-restore would not load it`,
      'write COMMIT after its rules',
    )
  return issues.length > 0 ? { ok: false, issues } : { ok: true, iptables: { file, tables, unread } }
}

/** Adds what a line says, and says how many rules that is. */
function addRule(
  table: OpenTable,
  { words, line, text }: { readonly words: string[]; readonly line: number; readonly text: string },
  unread: { line: number; text: string }[],
): number {
  const [command = '', chain, ...rest] = words
  const known = { '-A': 'append', '--append': 'append', '-I': 'insert', '--insert': 'insert', '-N': 'chain' }[
    command
  ]
  if (known === undefined || chain === undefined) {
    unread.push({ line, text })
    return 1
  }
  if (known === 'chain') {
    table.policies.set(chain, { policy: '-', line })
    return 1
  }
  const place = known === 'insert' && /^\d{1,6}$/.test(rest[0] ?? '') ? Number(rest.shift()) : 1
  if (!BUILT_IN.has(chain) && !table.policies.has(chain)) table.policies.set(chain, { policy: '-', line })
  const rules = ruleOf(rest, { line, text, chain })
  if (known === 'append') table.rules.push(...rules)
  else table.rules.splice(placeOf(table.rules, chain, place), 0, ...rules)
  return rules.length
}

/** Where in a table the n-th rule of a chain stands. */
function placeOf(rules: readonly IptablesRule[], chain: string, n: number): number {
  let left = n
  const found = rules.findIndex((rule) => rule.chain === chain && --left === 0)
  return found < 0 ? rules.length : found
}

/** A rule; several where it lists addresses, as iptables makes of it. */
function ruleOf(
  words: readonly string[],
  { line, text, chain }: { readonly line: number; readonly text: string; readonly chain: string },
): IptablesRule[] {
  const conditions: Condition[] = []
  const options = new Map<string, string>()
  const lists: { kind: 'source' | 'destination'; prefixes: readonly Prefix[] }[] = []
  let target: string | undefined
  let unknown: string | undefined
  let not = false
  const queue = [...words]
  while (queue.length > 0) {
    const word = queue.shift() ?? ''
    if (word === '!') {
      not = true
      continue
    }
    const option = OPTIONS.get(word)
    // `-s ! 10.0.0.0/24` is how it was once written.
    if (option !== undefined && option !== 'flag' && queue[0] === '!') {
      not = true
      queue.shift()
    }
    const value = option === undefined || option === 'flag' ? '' : (queue.shift() ?? '')
    switch (option) {
      case 'target':
        target = value
        break
      case 'goto':
        target = value
        // It ends the chain that it is in where the other returns: no chain of people's own is left aside by it.
        unknown ??= word
        break
      case 'source':
      case 'destination': {
        const prefixes = value.split(',').flatMap((part) => prefixOf(part) ?? [])
        const [first] = prefixes
        if (first === undefined || prefixes.length < value.split(',').length || (not && prefixes.length > 1))
          unknown ??= `${word} ${value}`
        else if (not) conditions.push({ kind: option, not, prefix: first })
        else lists.push({ kind: option, prefixes })
        break
      }
      case 'match':
        if (!MATCHES.has(value)) unknown ??= `-m ${value}`
        break
      case 'flag':
      case 'ignored':
        break
      case 'option':
        options.set(word, value)
        break
      case undefined:
        unknown ??= word
        // Its values, whatever they are, are no options of ours.
        while (queue[0] !== undefined && queue[0] !== '!' && !queue[0].startsWith('-')) queue.shift()
        break
      default: {
        const condition = conditionOf(option, value, not)
        if (condition) conditions.push(condition)
        else unknown ??= `${word} ${value}`
      }
    }
    not = false
  }
  const rule = { line, text, chain, target, options, unknown }
  return lists
    .reduce<Condition[][]>(
      (sets, { kind, prefixes }) =>
        sets
          .flatMap((set) => prefixes.map((prefix): Condition[] => [...set, { kind, not: false, prefix }]))
          .slice(0, MAX_RULES),
      [conditions],
    )
    .map((set) => ({ ...rule, conditions: set }))
}

type Option =
  | Exclude<Condition['kind'], 'protocol'>
  | 'protocol'
  | 'both-ports'
  | 'match'
  | 'target'
  | 'goto'
  | 'flag'
  | 'option'
  | 'ignored'

const OPTIONS: ReadonlyMap<string, Option> = new Map<string, Option>([
  ['-i', 'in'],
  ['--in-interface', 'in'],
  ['-o', 'out'],
  ['--out-interface', 'out'],
  ['-p', 'protocol'],
  ['--protocol', 'protocol'],
  ['--proto', 'protocol'],
  ['-s', 'source'],
  ['--source', 'source'],
  ['--src', 'source'],
  ['-d', 'destination'],
  ['--destination', 'destination'],
  ['--dst', 'destination'],
  ['-m', 'match'],
  ['--match', 'match'],
  ['--dport', 'dports'],
  ['--destination-port', 'dports'],
  ['--dports', 'dports'],
  ['--destination-ports', 'dports'],
  ['--sport', 'sports'],
  ['--source-port', 'sports'],
  ['--sports', 'sports'],
  ['--source-ports', 'sports'],
  ['--state', 'states'],
  ['--ctstate', 'states'],
  ['--dst-type', 'dst-type'],
  ['--src-type', 'src-type'],
  ['--icmp-type', 'icmp-type'],
  ['--mac-source', 'mac'],
  ['-j', 'target'],
  ['--jump', 'target'],
  ['-g', 'goto'],
  ['--goto', 'goto'],
  // A connection begins with a SYN in any case.
  ['--syn', 'flag'],
  ['--comment', 'option'],
  ['--reject-with', 'ignored'],
  ['--log-prefix', 'ignored'],
  ['--log-level', 'ignored'],
  ['--to-destination', 'option'],
  ['--to-source', 'option'],
  // iptables takes the beginning of an option's name for it.
  ['--to', 'option'],
  ['--to-ports', 'option'],
  ['--set-mss', 'option'],
  ['--clamp-mss-to-pmtu', 'flag'],
  ['--random', 'flag'],
  ['--random-fully', 'flag'],
  ['--persistent', 'flag'],
])

const MATCHES = new Set([
  'tcp',
  'udp',
  'icmp',
  'state',
  'conntrack',
  'multiport',
  'addrtype',
  'comment',
  'mac',
])

function conditionOf(kind: Option, value: string, not: boolean): Condition | undefined {
  switch (kind) {
    case 'in':
    case 'out':
      return /^[\w.:@+-]{1,16}$/.test(value) ? { kind, not, device: value } : undefined
    case 'protocol': {
      const name = { '0': 'all', '1': 'icmp', '6': 'tcp', '17': 'udp' }[value] ?? value.toLowerCase()
      return /^[a-z0-9-]{1,16}$/.test(name) ? { kind, not, protocol: name } : undefined
    }
    case 'dports':
    case 'sports': {
      const ports = value.split(',').map(spanOf)
      return ports.some((port) => port === undefined)
        ? undefined
        : { kind, not, ports: ports.flatMap((port) => port ?? []) }
    }
    case 'states':
      return /^[A-Z,]{1,60}$/.test(value) ? { kind, not, states: value.split(',') } : undefined
    case 'dst-type':
    case 'src-type':
    case 'icmp-type':
      return /^[\w/-]{1,40}$/.test(value) ? { kind, not, type: value } : undefined
    case 'mac':
      return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(value)
        ? { kind, not, mac: value.toLowerCase() }
        : undefined
    default:
      return undefined
  }
}

/** "10.0.0.0/24", "10.0.0.0/255.255.255.0" or "10.0.0.7"; host bits are what iptables masks away. */
export function prefixOf(text: string): Prefix | undefined {
  const [address = '', length] = text.split('/')
  const dotted = length?.includes('.') ? maskLength(length) : length
  if (dotted === undefined) return length === undefined ? version4(address) : undefined
  return version4(`${address}/${dotted}`)
}

function version4(text: string): Prefix | undefined {
  const cidr = parseIpOrCidr(text)
  return cidr?.ip.version === 4 ? cidr.prefix : undefined
}

/** The length that a netmask like 255.255.255.0 stands for; undefined when it is none. */
export function maskLength(mask: string): string | undefined {
  const value = parseIpOrCidr(mask)?.ip.value
  if (value === undefined || !mask.includes('.')) return undefined
  const host = ~value & 0xffff_ffffn
  return (host & (host + 1n)) === 0n ? String(32 - (host === 0n ? 0 : host.toString(2).length)) : undefined
}

/** Names that people write for ports, of /etc/services. */
const SERVICES: Readonly<Record<string, number>> = {
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  bootps: 67,
  bootpc: 68,
  http: 80,
  pop3: 110,
  ntp: 123,
  imap2: 143,
  snmp: 161,
  https: 443,
  syslog: 514,
  imaps: 993,
}

function spanOf(text: string): PortSpan | undefined {
  const [first = '', last = first, ...more] = text.split(':')
  const from = first === '' ? 0 : portOf(first)
  const to = last === '' ? 65_535 : portOf(last)
  if (more.length > 0 || text === '' || from === undefined || to === undefined || from > to) return undefined
  return { from, to }
}

function portOf(text: string): number | undefined {
  if (Object.hasOwn(SERVICES, text)) return SERVICES[text]
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined
}
