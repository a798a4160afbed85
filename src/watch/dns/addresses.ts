import { u16, u32 } from './bytes.ts'
import { LineWriter } from './line-writer.ts'
import type { Message } from './message.ts'
import { flatLength, flattenName, MAX_NAME } from './name.ts'
import { TYPE } from './registry.ts'

/** An address that a client was told, and for how many seconds it may be used for the name asked. */
export interface TtlAddress {
  readonly address: string
  readonly ttl: number
}

/** More make no sense, and would take time for nothing. */
const MAX_RECORDS = 256
const MAX_ALIASES = 32
const IN = 1
const IPV4HINT = 4
const IPV6HINT = 6

const name = Buffer.alloc(MAX_NAME + 1)
const text = new LineWriter(64)

/**
 * The addresses that a response gives for the name asked: A, AAAA, and the hints of SVCB and HTTPS (RFC 9460 section 7.3),
 * of that name or of the one that its CNAMEs lead to. The TTL is the least on the way.
 */
export function addressesOf(message: Message): TtlAddress[] {
  const { bytes, start, end, recordAt, typeAt, question, questionLength } = message
  const answers = Math.min(message.answers, MAX_RECORDS)
  if (answers === 0 || questionLength === 0 || message.rcode !== 0) return []
  const ttls = followAliases(message, answers, question.toString('latin1', 0, questionLength - 4))
  const found: TtlAddress[] = []
  for (let i = 0; i < answers; i++) {
    const fixed = typeAt[i] ?? 0
    const type = u16(bytes, fixed)
    if (type !== TYPE.A && type !== TYPE.AAAA && type !== TYPE.HTTPS && type !== TYPE.SVCB) continue
    if (u16(bytes, fixed + 2) !== IN || flattenName(name, bytes, recordAt[i] ?? 0, start, end) < 0) continue
    const limit = ttls.get(name.toString('latin1', 0, flatLength()))
    if (limit === undefined) continue
    const ttl = Math.min(limit, ttlAt(bytes, fixed))
    const at = fixed + 10
    const length = u16(bytes, fixed + 8)
    if (type === TYPE.A && length === 4) found.push({ address: ipv4Text(bytes, at), ttl })
    else if (type === TYPE.AAAA && length === 16) found.push({ address: ipv6Text(bytes, at), ttl })
    else if (type === TYPE.HTTPS || type === TYPE.SVCB) addHints(found, bytes, start, at, at + length, ttl)
  }
  return found
}

/** Names that stand for the name asked, each with the least TTL on the way to it. */
function followAliases(message: Message, answers: number, asked: string): Map<string, number> {
  const { bytes, start, end, recordAt, typeAt } = message
  const aliases = new Map<string, { readonly target: string; readonly ttl: number }>()
  for (let i = 0; i < answers; i++) {
    const fixed = typeAt[i] ?? 0
    if (u16(bytes, fixed) !== TYPE.CNAME || flattenName(name, bytes, recordAt[i] ?? 0, start, end) < 0)
      continue
    const owner = name.toString('latin1', 0, flatLength())
    const data = fixed + 10
    if (flattenName(name, bytes, data, start, data + u16(bytes, fixed + 8)) < 0) continue
    aliases.set(owner, { target: name.toString('latin1', 0, flatLength()), ttl: ttlAt(bytes, fixed) })
  }
  const ttls = new Map([[asked, Number.POSITIVE_INFINITY]])
  let least = Number.POSITIVE_INFINITY
  let alias = aliases.get(asked)
  for (let i = 0; alias && i < MAX_ALIASES && !ttls.has(alias.target); i++) {
    least = Math.min(least, alias.ttl)
    ttls.set(alias.target, least)
    alias = aliases.get(alias.target)
  }
  return ttls
}

/** RFC 2181 section 8: with the highest bit set it is zero. */
function ttlAt(bytes: Uint8Array, fixed: number): number {
  const ttl = u32(bytes, fixed + 4)
  return ttl > 0x7fff_ffff ? 0 : ttl
}

function addHints(
  found: TtlAddress[],
  bytes: Uint8Array,
  start: number,
  at: number,
  end: number,
  ttl: number,
): void {
  let next = flattenName(name, bytes, at + 2, start, end)
  while (next >= 0 && next + 4 <= end) {
    const key = u16(bytes, next)
    const value = next + 4
    next = value + u16(bytes, next + 2)
    if (next > end) return
    if (key === IPV4HINT)
      for (let i = value; i + 4 <= next; i += 4) found.push({ address: ipv4Text(bytes, i), ttl })
    else if (key === IPV6HINT)
      for (let i = value; i + 16 <= next; i += 16) found.push({ address: ipv6Text(bytes, i), ttl })
  }
}

function ipv4Text(bytes: Uint8Array, at: number): string {
  text.at = 0
  text.ipv4(bytes, at)
  return text.text(0)
}

function ipv6Text(bytes: Uint8Array, at: number): string {
  text.at = 0
  text.ipv6(bytes, at)
  return text.text(0)
}
