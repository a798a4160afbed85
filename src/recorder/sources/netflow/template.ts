import { type Element, elementOf } from './elements.ts'
import { hexAt, type Reader, readerOf } from './values.ts'

/** A field length that says "in the record" (RFC 7011 section 7). */
export const VARIABLE = 65_535

export interface FieldSpecifier {
  /** 0 is IANA. */
  readonly enterprise: number
  readonly number: number
  /** Bytes, or VARIABLE. */
  readonly length: number
}

export interface Field extends FieldSpecifier {
  readonly element: Element
  readonly read: Reader
  /** Each record has a value of the element's type; otherwise `read` may give the bytes. */
  readonly sound: boolean
}

/** A template whose records can be read. */
export interface Template {
  readonly fields: readonly Field[]
  /** Of a record in bytes; exact when `fixed`. */
  readonly minLength: number
  readonly fixed: boolean
  /** The number of scope fields, which come first; undefined unless it is an options template. */
  readonly scopes: number | undefined
  /** Where the first field of an IANA element is. */
  readonly index: ReadonlyMap<number, number>
  readonly layout: Layout
}

/** Which fields make a record's columns: the first there of the elements that mean the same, the most exact first. */
export interface Layout {
  readonly flowStart: number
  readonly flowEnd: number
  readonly ingressInterface: number
  readonly egressInterface: number
  readonly sourceIPv4Address: number
  readonly sourceIPv6Address: number
  readonly destinationIPv4Address: number
  readonly destinationIPv6Address: number
  readonly protocolIdentifier: number
  readonly sourceTransportPort: number
  readonly destinationTransportPort: number
  readonly octetDeltaCount: number
  readonly packetDeltaCount: number
  readonly tcpControlBits: number
  readonly ipClassOfService: number
  readonly icmpTypeCode: number
  readonly flowEndReason: number
  readonly samplingInterval: number
  readonly samplerId: number
  /** All fields that make no column. */
  readonly others: readonly number[]
}

const PADDING = 210

/**
 * Prepares a template. Undefined when its records would have no length: there would be no end of them. Fields without
 * length, which NetFlow v9 and IPFIX allow, have no value, and are left out.
 */
export function compileTemplate(
  specifiers: readonly FieldSpecifier[],
  scopes: number | undefined,
): Template | undefined {
  const fields = specifiers.filter(({ length }) => length > 0).map(compileField)
  const minLength = fields.reduce((sum, { length }) => sum + (length === VARIABLE ? 1 : length), 0)
  if (minLength === 0) return undefined
  const index = new Map<number, number>()
  fields.forEach(({ enterprise, number }, i) => {
    if (enterprise === 0 && !index.has(number)) index.set(number, i)
  })
  return {
    fields,
    minLength,
    fixed: fields.every(({ length }) => length !== VARIABLE),
    scopes,
    index,
    layout: layOut(fields, index),
  }
}

function compileField(specifier: FieldSpecifier): Field {
  const element = elementOf(specifier.enterprise, specifier.number)
  const { type } = element
  if (specifier.length === VARIABLE) {
    const read: Reader = (bytes, at, length) =>
      length === 0 ? undefined : (readerOf(type, length) ?? hexAt)(bytes, at, length)
    return { ...specifier, element, read, sound: false }
  }
  const read = readerOf(type, specifier.length)
  return { ...specifier, element, read: read ?? hexAt, sound: read !== undefined }
}

function layOut(fields: readonly Field[], index: ReadonlyMap<number, number>): Layout {
  const used = new Set<number>()
  const first = (...numbers: readonly number[]): number => {
    for (const number of numbers) {
      const at = index.get(number)
      if (at === undefined || !fields[at]?.sound) continue
      used.add(at)
      return at
    }
    return -1
  }
  const samplerId = index.get(48) ?? index.get(302) ?? -1
  const columns = {
    flowStart: first(154, 156, 152, 150, 158, 22),
    flowEnd: first(155, 157, 153, 151, 159, 21),
    ingressInterface: first(10),
    egressInterface: first(14),
    sourceIPv4Address: first(8),
    sourceIPv6Address: first(27),
    destinationIPv4Address: first(12),
    destinationIPv6Address: first(28),
    protocolIdentifier: first(4),
    sourceTransportPort: first(7, 180, 182),
    destinationTransportPort: first(11, 181, 183),
    octetDeltaCount: first(1),
    packetDeltaCount: first(2),
    tcpControlBits: first(6),
    ipClassOfService: first(5),
    icmpTypeCode: first(32, 139),
    flowEndReason: first(136),
    samplingInterval: first(34, 50),
  }
  const others = fields.flatMap(({ enterprise, number }, i) =>
    used.has(i) || (enterprise === 0 && number === PADDING) ? [] : [i],
  )
  return { ...columns, samplerId, others }
}
