import { isIPv4 } from 'node:net'
import type { FlowRecord } from '../../recorder/records/flow.ts'

/*
 * Messages of IPFIX (RFC 7011) about connections, for a collector. Elements are IANA's, and of the direction back those of
 * RFC 5103. Where there is no NAT, the elements of after the NAT say the same as those of before it.
 */

/** Enterprise number of reverse elements (RFC 5103 section 6.1). */
const REVERSE = 29_305
const VERSION = 10
const TEMPLATE_SET = 2
const HEADER_BYTES = 16

interface Field {
  readonly element: number
  readonly bytes: number
  readonly enterprise?: number
  write(into: Buffer, at: number, record: FlowRecord): void
}

/** One of each IP version: templates 256 and 257. */
const TEMPLATES = [
  {
    id: 256,
    fields: fieldsOf(4, { source: 8, destination: 12, postSource: 225, postDestination: 226, icmp: 32 }),
  },
  {
    id: 257,
    fields: fieldsOf(16, { source: 27, destination: 28, postSource: 281, postDestination: 282, icmp: 139 }),
  },
] as const

export interface IpfixHeader {
  readonly exportSecs: number
  /** Records that were sent before this message, modulo 2^32. */
  readonly sequence: number
  readonly domain: number
}

/** A message with both templates. */
export function templateMessage(header: IpfixHeader): Buffer {
  const templates = TEMPLATES.map(({ id, fields }) => {
    const specs = fields.map(({ element, bytes, enterprise }) =>
      enterprise === undefined
        ? uints([element, 2], [bytes, 2])
        : uints([element | 0x8000, 2], [bytes, 2], [enterprise, 4]),
    )
    return Buffer.concat([uints([id, 2], [fields.length, 2]), ...specs])
  })
  return message(header, [set(TEMPLATE_SET, templates)])
}

/** A message about connections of any IP version: each takes at most 150 bytes. */
export function dataMessage(header: IpfixHeader, records: readonly FlowRecord[]): Buffer {
  const sets = TEMPLATES.flatMap(({ id, fields }, i) => {
    const own = records.filter(({ sourceAddress }) => isIPv4(sourceAddress) === (i === 0))
    return own.length === 0
      ? []
      : [
          set(
            id,
            own.map((record) => encode(fields, record)),
          ),
        ]
  })
  return message(header, sets)
}

function fieldsOf(
  addressBytes: 4 | 16,
  elements: Readonly<Record<'source' | 'destination' | 'postSource' | 'postDestination' | 'icmp', number>>,
): readonly Field[] {
  const number = (
    element: number,
    bytes: 1 | 2 | 8,
    of: (record: FlowRecord) => number | undefined,
  ): Field => ({
    element,
    bytes,
    write: (into, at, record) => {
      const value = of(record) ?? 0
      if (bytes === 8) into.writeBigUInt64BE(BigInt(value), at)
      else into.writeUIntBE(value, at, bytes)
    },
  })
  const address = (element: number, of: (record: FlowRecord) => string): Field => ({
    element,
    bytes: addressBytes,
    write: (into, at, record) => writeAddress(into, at, of(record)),
  })
  const back = (field: Field): Field => ({ ...field, enterprise: REVERSE })
  return [
    // flowStartMilliseconds, flowEndMilliseconds, flowId
    number(152, 8, ({ flowStart }) => Date.parse(flowStart)),
    number(153, 8, ({ flowEnd }) => Date.parse(flowEnd)),
    number(148, 8, ({ flowId }) => flowId),
    address(elements.source, ({ sourceAddress }) => sourceAddress),
    address(elements.destination, ({ destinationAddress }) => destinationAddress),
    // sourceTransportPort, destinationTransportPort, protocolIdentifier, icmpTypeCode
    number(7, 2, ({ sourceTransportPort }) => sourceTransportPort),
    number(11, 2, ({ destinationTransportPort }) => destinationTransportPort),
    number(4, 1, ({ protocolIdentifier }) => protocolIdentifier),
    number(elements.icmp, 2, ({ icmpTypeCode }) => icmpTypeCode),
    // octetDeltaCount, packetDeltaCount and the same of the direction back
    number(1, 8, ({ octetDeltaCount }) => octetDeltaCount),
    number(2, 8, ({ packetDeltaCount }) => packetDeltaCount),
    back(number(1, 8, ({ reverseOctetDeltaCount }) => reverseOctetDeltaCount)),
    back(number(2, 8, ({ reversePacketDeltaCount }) => reversePacketDeltaCount)),
    // flowEndReason
    number(136, 1, ({ flowEndReason }) => flowEndReason),
    address(elements.postSource, (record) => record.postNatSourceAddress ?? record.sourceAddress),
    address(
      elements.postDestination,
      (record) => record.postNatDestinationAddress ?? record.destinationAddress,
    ),
    // postNAPTSourceTransportPort, postNAPTDestinationTransportPort
    number(227, 2, (record) => record.postNaptSourceTransportPort ?? record.sourceTransportPort),
    number(228, 2, (record) => record.postNaptDestinationTransportPort ?? record.destinationTransportPort),
  ]
}

function encode(fields: readonly Field[], record: FlowRecord): Buffer {
  const bytes = Buffer.alloc(fields.reduce((sum, field) => sum + field.bytes, 0))
  let at = 0
  for (const field of fields) {
    field.write(bytes, at, record)
    at += field.bytes
  }
  return bytes
}

function message({ exportSecs, sequence, domain }: IpfixHeader, sets: readonly Buffer[]): Buffer {
  const length = HEADER_BYTES + sets.reduce((sum, one) => sum + one.length, 0)
  return Buffer.concat([
    uints([VERSION, 2], [length, 2], [exportSecs, 4], [sequence, 4], [domain, 4]),
    ...sets,
  ])
}

function set(id: number, parts: readonly Buffer[]): Buffer {
  const length = 4 + parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([uints([id, 2], [length, 2]), ...parts])
}

/** Integers, most significant byte first: [value, bytes] each. */
function uints(...values: readonly (readonly [value: number, bytes: number])[]): Buffer {
  return Buffer.concat(
    values.map(([value, bytes]) => {
      const buffer = Buffer.alloc(bytes)
      buffer.writeUIntBE(value, 0, bytes)
      return buffer
    }),
  )
}

/** Writes an address as our own records have it. */
function writeAddress(into: Buffer, at: number, text: string): void {
  if (isIPv4(text)) {
    for (const [i, part] of text.split('.').entries()) into.writeUInt8(Number(part), at + i)
    return
  }
  const [left = '', right = ''] = text.split('::')
  const groups = (side: string): string[] => (side === '' ? [] : side.split(':'))
  for (const [i, group] of groups(left).entries()) into.writeUInt16BE(Number.parseInt(group, 16), at + 2 * i)
  const last = groups(right)
  for (const [i, group] of last.entries())
    into.writeUInt16BE(Number.parseInt(group, 16), at + 16 - 2 * (last.length - i))
}
