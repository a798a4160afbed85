import { REGISTRY } from './registry.ts'

/** RFC 7012 section 3.1, RFC 6313 section 4, RFC 9740 section 3 (unsigned256). */
export const DATA_TYPES = [
  'octetArray',
  'unsigned8',
  'unsigned16',
  'unsigned32',
  'unsigned64',
  'unsigned256',
  'signed32',
  'float64',
  'boolean',
  'macAddress',
  'string',
  'dateTimeSeconds',
  'dateTimeMilliseconds',
  'dateTimeMicroseconds',
  'dateTimeNanoseconds',
  'ipv4Address',
  'ipv6Address',
  'basicList',
  'subTemplateList',
  'subTemplateMultiList',
] as const
export type DataType = (typeof DATA_TYPES)[number]

export interface Element {
  readonly name: string
  readonly type: DataType
}

/** Enterprise number of the reverse direction of a biflow's elements (RFC 5103 section 6.1). */
const REVERSE = 29305

const ELEMENTS: ReadonlyMap<number, Element> = new Map(
  REGISTRY.trim()
    .split('\n')
    .map((line) => {
      const [number, name = '', type = ''] = line.split(' ')
      if (!isDataType(type)) throw new Error(`information element ${line} has no data type that we know`)
      return [Number(number), { name, type }]
    }),
)

/**
 * An element by its enterprise number (0 is IANA) and number. One that is not in the registry is named
 * "enterprise/number", and its value is an octetArray.
 */
export function elementOf(enterprise: number, number: number): Element {
  if (enterprise === 0 || enterprise === REVERSE) {
    const known = ELEMENTS.get(number)
    if (known) return enterprise === 0 ? known : { name: reverse(known.name), type: known.type }
  }
  return { name: `${enterprise}/${number}`, type: 'octetArray' }
}

function reverse(name: string): string {
  return `reverse${name.charAt(0).toUpperCase()}${name.slice(1)}`
}

function isDataType(text: string): text is DataType {
  return (DATA_TYPES as readonly string[]).includes(text)
}
