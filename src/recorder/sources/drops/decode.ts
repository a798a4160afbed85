import { type NetlinkMessage, parseAttributes } from '../../netlink/message.ts'
import type { DropRecord } from '../../records/drop.ts'
import { type Instant, instantOf } from '../../records/time.ts'
import { ATTRIBUTE, MSG_PACKET, NFGEN_BYTES } from './nfnetlink-log.ts'
import { decodePacket } from './packet.ts'

export interface DecodedDrop {
  readonly epochMs: number
  readonly record: DropRecord
  /** Number of the message in its group, modulo 2^32. */
  readonly sequence: number | undefined
}

const IPV4 = 0x0800
const IPV6 = 0x86dd
/** No clock is trusted with more: the year 9999. */
const MAX_SECONDS = 253_402_300_799n

/**
 * Decodes a message of an NFLOG group (linux/netfilter/nfnetlink_log.h). `interfaceName` gives the name of an
 * interface's index. Undefined for a message that is no packet, or not one of ours to read.
 */
export function decodeDrop(
  message: NetlinkMessage,
  nowMs: number,
  interfaceName: (index: number) => string,
): DecodedDrop | undefined {
  if (message.type !== MSG_PACKET || message.payload.length < NFGEN_BYTES) return undefined
  const attributes = parseAttributes(message.payload.subarray(NFGEN_BYTES))
  const header = attributes.get(ATTRIBUTE.packetHeader)
  if (!header || header.length < 4) return undefined
  const etherType = header.readUInt16BE(0)
  const payload = attributes.get(ATTRIBUTE.payload)
  const packet = payload && (etherType === IPV4 || etherType === IPV6) ? decodePacket(payload) : undefined
  const instant = timestampOf(attributes.get(ATTRIBUTE.timestamp)) ?? instantOf(nowMs)
  const ingress = indexOf(attributes.get(ATTRIBUTE.ingressPhysical) ?? attributes.get(ATTRIBUTE.ingressIndex))
  const egress = indexOf(attributes.get(ATTRIBUTE.egressPhysical) ?? attributes.get(ATTRIBUTE.egressIndex))
  const mac = hardwareAddressOf(attributes.get(ATTRIBUTE.hardwareAddress))
  const vlan = vlanOf(attributes.get(ATTRIBUTE.vlan))
  const record: DropRecord = {
    time: instant.text,
    logPrefix: textOf(attributes.get(ATTRIBUTE.prefix)),
    ...(ingress && { ingressInterface: interfaceName(ingress) }),
    ...(egress && { egressInterface: interfaceName(egress) }),
    ...(mac && { sourceMacAddress: mac }),
    ...(vlan && { dot1qVlanId: vlan }),
    ...(packet ?? { ethernetType: etherType }),
  }
  const sequence = attributes.get(ATTRIBUTE.sequence)
  return {
    epochMs: instant.epochMs,
    record,
    sequence: sequence && sequence.length >= 4 ? sequence.readUInt32BE(0) : undefined,
  }
}

function timestampOf(value: Buffer | undefined): Instant | undefined {
  if (!value || value.length < 16) return undefined
  const seconds = value.readBigUInt64BE(0)
  const micros = value.readBigUInt64BE(8)
  if (seconds === 0n || seconds > MAX_SECONDS || micros > 999_999n) return undefined
  const whole = Number(seconds) * 1000
  return {
    epochMs: whole + Math.floor(Number(micros) / 1000),
    text: `${new Date(whole).toISOString().slice(0, 19)}.${micros.toString().padStart(6, '0')}Z`,
  }
}

function indexOf(value: Buffer | undefined): number | undefined {
  return value && value.length >= 4 ? value.readUInt32BE(0) || undefined : undefined
}

function hardwareAddressOf(value: Buffer | undefined): string | undefined {
  if (!value || value.length < 10 || value.readUInt16BE(0) !== 6) return undefined
  return [...value.subarray(4, 10)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}

/** NFULA_VLAN_TCI nested in NFULA_VLAN: attribute 2, in network order. */
function vlanOf(value: Buffer | undefined): number | undefined {
  const tci = value && parseAttributes(value).get(2)
  return tci && tci.length >= 2 ? tci.readUInt16BE(0) & 0x0fff || undefined : undefined
}

function textOf(value: Buffer | undefined): string {
  return (value?.toString('utf8') ?? '').replace(/\0[\s\S]*$/, '').trim()
}
