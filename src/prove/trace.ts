import { parseAttributes } from '../recorder/netlink/message.ts'
import { parsePacket } from './packet.ts'
import type { PacketSummary, TraceEvent } from './twin-spec.ts'

/*
 * What nftables tells of packets with `meta nftrace set 1` (linux/netfilter/nf_tables.h, enum nft_trace_attributes).
 * Numbers are in network byte order.
 */

/** Multicast group NFNLGRP_NFTRACE as a bit of sockaddr_nl. */
export const NFTRACE_GROUP = 1 << (9 - 1)

/** NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE. */
const NFT_MSG_TRACE = (10 << 8) | 17

const ATTRIBUTE = {
  table: 1,
  chain: 2,
  handle: 3,
  type: 4,
  verdict: 5,
  id: 6,
  networkHeader: 8,
  transportHeader: 9,
  policy: 16,
} as const
const KINDS: Readonly<Record<number, TraceEvent['kind']>> = { 1: 'policy', 2: 'return', 3: 'rule' }
/** NF_* and NFT_* verdicts. */
const VERDICTS: Readonly<Record<number, TraceEvent['verdict']>> = {
  0: 'drop',
  1: 'accept',
  3: 'queue',
  [-1]: 'continue',
  [-2]: 'continue',
  [-3]: 'jump',
  [-4]: 'goto',
  [-5]: 'return',
}
const FAMILIES: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip', 5: 'netdev', 7: 'bridge', 10: 'ip6' }
const NFGENMSG = 4

/** Reads a netlink message of nftables; undefined when it is no trace, or not whole. */
export function decodeTrace({
  type,
  payload,
}: {
  readonly type: number
  readonly payload: Buffer
}): TraceEvent | undefined {
  if (type !== NFT_MSG_TRACE || payload.length < NFGENMSG) return undefined
  const family = FAMILIES[payload[0] ?? 0]
  const attributes = parseAttributes(payload.subarray(NFGENMSG))
  const text = (at: number) => attributes.get(at)?.toString('latin1').replace(/\0.*$/s, '')
  const number = (at: number) => {
    const bytes = attributes.get(at)
    return bytes?.length === 4 ? bytes.readInt32BE(0) : undefined
  }
  const table = text(ATTRIBUTE.table)
  const chain = text(ATTRIBUTE.chain)
  const id = number(ATTRIBUTE.id)
  const kind = KINDS[number(ATTRIBUTE.type) ?? 0]
  if (family === undefined || table === undefined || chain === undefined) return undefined
  if (id === undefined || kind === undefined) return undefined
  const nested = parseAttributes(attributes.get(ATTRIBUTE.verdict) ?? Buffer.alloc(0))
  const code = kind === 'policy' ? number(ATTRIBUTE.policy) : nested.get(1)?.readInt32BE(0)
  const target = nested.get(2)?.toString('latin1').replace(/\0.*$/s, '')
  const handle = attributes.get(ATTRIBUTE.handle)
  const packet = packetOf(attributes.get(ATTRIBUTE.networkHeader), attributes.get(ATTRIBUTE.transportHeader))
  return {
    id: id >>> 0,
    family,
    table,
    chain,
    kind,
    ...(handle?.length === 8 && { handle: Number(handle.readBigUInt64BE(0)) }),
    verdict: (kind === 'return' ? 'return' : VERDICTS[code ?? -1]) ?? 'continue',
    ...(target !== undefined && { target }),
    ...(packet && { packet }),
  }
}

function packetOf(network: Buffer | undefined, transport: Buffer | undefined): PacketSummary | undefined {
  if (!network || !transport) return undefined
  const seen = parsePacket(Buffer.concat([network, transport]))
  return (
    seen && {
      from: seen.from,
      to: seen.to,
      protocol: seen.protocol,
      sport: seen.sport,
      dport: seen.dport,
      type: seen.type,
    }
  )
}
