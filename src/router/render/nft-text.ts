import { generatedHeader } from './header.ts'
import type { RuleGroup } from './nft-groups.ts'

/*
 * The few shapes that an nftables file is made of, and the only place that turns them into text.
 * Statements are written by us; whatever comes from router.yaml passes one of the functions below.
 */

export interface Rule {
  readonly group: RuleGroup
  /** Matches and verdict, without the comment. */
  readonly statement: string
  /** Module name, "core", or the section of router.yaml that asked for it. */
  readonly owner: string
  readonly why: string
}

export interface Chain {
  readonly name: string
  /** Why the chain is as it is; printed above it. */
  readonly about: string
  readonly base?: {
    readonly type: 'filter' | 'nat'
    readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'
    readonly priority: string
    readonly policy: 'accept' | 'drop'
  }
  readonly rules: readonly Rule[]
}

export interface NamedSet {
  readonly name: string
  readonly about: string
  readonly type:
    | 'ifname'
    | 'ipv4_addr'
    | 'ipv6_addr'
    | 'ifname : verdict'
    | 'ifname . ifname'
    | 'ifname . ipv4_addr'
  readonly interval?: true
  readonly elements: readonly string[]
}

/** NFTNL_UDATA_COMMENT_MAXLEN: nft refuses longer comments. */
const COMMENT_BYTES = 128

/**
 * An nft comment, quoted. nft strings know no escapes, so what could end the string or the line becomes a
 * space; text over 128 bytes is cut between characters.
 */
export function comment(owner: string, why: string): string {
  const words = `${owner}: ${why}`
    .toWellFormed()
    .replace(/[\p{C}\p{Z}"\\]+/gu, ' ')
    .trim()
  let text = ''
  let bytes = 0
  for (const char of words) {
    bytes += Buffer.byteLength(char)
    if (bytes > COMMENT_BYTES) break
    text += char
  }
  return `"${text}"`
}

/** A device name, quoted. Throws on what the schema never lets through: nft would read "*" as a wildcard. */
export function device(name: string): string {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/.test(name))
    throw new Error(`not a device name: ${JSON.stringify(name)}`)
  return `"${name}"`
}

/** An anonymous set, or the bare element when there is one. */
export function oneOf(elements: readonly string[]): string {
  return elements.length === 1 ? `${elements[0]}` : `{ ${elements.join(', ')} }`
}

/** Ports as one nft expression: sorted and merged, as overlapping ranges in a set do not load. */
export function portSet(ranges: readonly { readonly from: number; readonly to: number }[]): string {
  const merged: { from: number; to: number }[] = []
  for (const range of [...ranges].sort((a, b) => a.from - b.from || a.to - b.to)) {
    const last = merged.at(-1)
    if (last && range.from <= last.to + 1) last.to = Math.max(last.to, range.to)
    else merged.push({ from: range.from, to: range.to })
  }
  return oneOf(merged.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)))
}

function prose(text: string, indent: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.replace(/\s+/g, ' ').trim().split(' ')) {
    if (line !== '' && indent.length + line.length + word.length + 3 > 106) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  return lines.map((l) => `${indent}# ${l}`)
}

function renderSet(set: NamedSet): string[] {
  const keyword = set.type.endsWith(': verdict') ? 'map' : 'set'
  return [
    ...prose(set.about, '  '),
    `  ${keyword} ${set.name} {`,
    `    type ${set.type}`,
    ...(set.interval ? ['    flags interval'] : []),
    // An empty list would not load; an empty set does.
    ...(set.elements.length > 0
      ? ['    elements = {', ...set.elements.map((element) => `      ${element},`), '    }']
      : []),
    '  }',
    '',
  ]
}

function renderChain(chain: Chain): string[] {
  const { base } = chain
  return [
    ...prose(chain.about, '  '),
    `  chain ${chain.name} {`,
    ...(base
      ? [`    type ${base.type} hook ${base.hook} priority ${base.priority}; policy ${base.policy};`]
      : []),
    ...chain.rules.map((rule) => `    ${rule.statement} comment ${comment(rule.owner, rule.why)}`),
    '  }',
    '',
  ]
}

/**
 * A file for `nft -f` that replaces the table in one transaction, whether or not it exists, and names no
 * other table.
 */
export function renderTable(
  table: string,
  about: readonly string[],
  sets: readonly NamedSet[],
  chains: readonly Chain[],
): string {
  const body = [...sets.flatMap(renderSet), ...chains.flatMap(renderChain)]
  body.pop()
  return [
    generatedHeader('core').trimEnd(),
    '#',
    ...about.flatMap((paragraph, i) => [...(i > 0 ? ['#'] : []), ...prose(paragraph, '')]),
    '',
    `add table inet ${table}`,
    `delete table inet ${table}`,
    '',
    `table inet ${table} {`,
    ...body,
    '}',
    '',
  ].join('\n')
}
