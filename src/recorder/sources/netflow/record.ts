import type { ElementValue, NetflowRecord } from '../../records/netflow.ts'
import type { Cursor } from './cursor.ts'
import type { Domain, Exporter, Sampling } from './exporters.ts'
import { timeText } from './values.ts'

/** What the message says of all its records. */
export interface Header {
  /** 5, 9 or 10. */
  readonly version: number
  readonly domainId: number
  /** When it was exported, milliseconds since 1970. */
  readonly exportMs: number
  /** The exporter's uptime then, in milliseconds modulo 2^32; undefined in IPFIX. */
  readonly uptimeMs: number | undefined
  /** When it arrived. */
  readonly arrivedMs: number
}

export interface DatedRecord {
  readonly epochMs: number
  readonly record: NetflowRecord
}

const DAY_MS = 86_400_000
const MODULUS = 2 ** 32
const FLOW_START_DELTA = 158
const FLOW_END_DELTA = 159
const FLOW_END_UPTIME = 21
const FLOW_START_UPTIME = 22
const SYSTEM_INIT = 160
/** observationTimeMicroseconds, -Nanoseconds, -Milliseconds, -Seconds: events such as a NAT's have one. */
const OBSERVATION_TIMES = [324, 325, 323, 322]

type Writable<T> = { -readonly [K in keyof T]: T[K] }
type Elements = Record<string, ElementValue | ElementValue[]>

/** Makes a flow record of the data record under the cursor. */
export function readFlow(
  cursor: Cursor,
  header: Header,
  exporter: Pick<Exporter<unknown>, 'address' | 'interfaces'>,
  domain: Domain,
): DatedRecord {
  const { layout } = cursor.template
  let elements: Elements | undefined
  const keep = (name: string, value: ElementValue | undefined): void => {
    if (value === undefined) return
    elements ??= {}
    const before = elements[name]
    if (before === undefined) elements[name] = value
    else if (Array.isArray(before)) before.push(value)
    else elements[name] = [before, value]
  }
  /** A column's number; one that the column has no room for stays with the other elements. */
  const number = (field: number, max: number): number | undefined => {
    const value = cursor.value(field)
    if (typeof value === 'number' && value <= max) return value
    if (field >= 0) keep(cursor.name(field), value)
    return undefined
  }
  const counter = (field: number): number | string | undefined => {
    const value = cursor.value(field)
    return typeof value === 'boolean' ? undefined : value
  }
  const interfaceName = (field: number): string | undefined => {
    const index = cursor.value(field)
    if (index === undefined) return undefined
    return (typeof index === 'number' ? exporter.interfaces.get(index) : undefined) ?? String(index)
  }

  const start = flowTime(cursor, layout.flowStart, header, domain)
  const end = flowTime(cursor, layout.flowEnd, header, domain)
  if (start === undefined && layout.flowStart >= 0)
    keep(cursor.name(layout.flowStart), cursor.value(layout.flowStart))
  if (end === undefined && layout.flowEnd >= 0)
    keep(cursor.name(layout.flowEnd), cursor.value(layout.flowEnd))
  const { epochMs, time } = timeOf(end ?? start ?? observationTime(cursor), header)

  const own = number(layout.samplingInterval, MODULUS - 1)
  const told = samplingOf(cursor, domain)
  const record: Writable<NetflowRecord> = {
    time,
    flowStart: timeText(start),
    flowEnd: timeText(end),
    exporterAddress: exporter.address,
    exportProtocolVersion: header.version,
    observationDomainId: header.domainId,
    ingressInterface: interfaceName(layout.ingressInterface),
    egressInterface: interfaceName(layout.egressInterface),
    sourceAddress: address(cursor, layout.sourceIPv4Address, layout.sourceIPv6Address),
    destinationAddress: address(cursor, layout.destinationIPv4Address, layout.destinationIPv6Address),
    protocolIdentifier: number(layout.protocolIdentifier, 255),
    sourceTransportPort: number(layout.sourceTransportPort, 65_535),
    destinationTransportPort: number(layout.destinationTransportPort, 65_535),
    octetDeltaCount: counter(layout.octetDeltaCount),
    packetDeltaCount: counter(layout.packetDeltaCount),
    tcpControlBits: number(layout.tcpControlBits, 65_535),
    ipClassOfService: number(layout.ipClassOfService, 255),
    icmpTypeCode: number(layout.icmpTypeCode, 65_535),
    flowEndReason: number(layout.flowEndReason, 255),
    samplingInterval: own || told?.interval,
    elements: undefined,
  }
  for (const field of layout.others) keep(cursor.name(field), cursor.value(field))
  if (!own && told) keep('samplingAlgorithm', told.algorithm)
  record.elements = elements
  return { epochMs, record }
}

/** What the exporter's options say: of the record's sampler, of its interfaces, of everything. */
function samplingOf(cursor: Cursor, domain: Domain): Sampling | undefined {
  const { samplerId, ingressInterface, egressInterface } = cursor.template.layout
  const find = (map: ReadonlyMap<number, Sampling>, field: number): Sampling | undefined => {
    const id = map.size === 0 ? undefined : cursor.value(field)
    return typeof id === 'number' ? map.get(id) : undefined
  }
  return (
    find(domain.samplers, samplerId) ??
    find(domain.interfaceSamplings, ingressInterface) ??
    find(domain.interfaceSamplings, egressInterface) ??
    domain.sampling
  )
}

/** Some exporters have fields for both versions in one template, and zeros in those of the other version. */
function address(cursor: Cursor, ipv4: number, ipv6: number): string | undefined {
  const field = ipv6 < 0 || (ipv4 >= 0 && cursor.isZero(ipv6)) ? ipv4 : ipv6
  return cursor.value(field) as string | undefined
}

/** A flow's start or end in microseconds since 1970; undefined when it cannot be told, or is beyond all bounds. */
function flowTime(
  cursor: Cursor,
  field: number,
  header: Header,
  domain: Pick<Domain, 'systemInitMs'>,
): number | undefined {
  const micros = cursor.micros(field) ?? relativeTime(cursor, field, header, domain)
  return Number.isSafeInteger(micros) ? micros : undefined
}

function relativeTime(
  cursor: Cursor,
  field: number,
  header: Header,
  { systemInitMs }: Pick<Domain, 'systemInitMs'>,
): number | undefined {
  const value = Number(cursor.value(field))
  switch (cursor.template.fields[field]?.number) {
    case FLOW_START_DELTA:
    case FLOW_END_DELTA:
      // Before the export time of the header (RFC 5102 section 5.9).
      return header.exportMs * 1000 - value
    case FLOW_START_UPTIME:
    case FLOW_END_UPTIME: {
      const init = cursor.micros(cursor.fieldOf(SYSTEM_INIT))
      const initMs = init === undefined ? systemInitMs : init / 1000
      const uptime = header.uptimeMs ?? (initMs === undefined ? undefined : header.exportMs - initMs)
      if (uptime === undefined) return undefined
      // Both wrap after 49.7 days: what counts is their distance, which may be either way.
      return (header.exportMs - signedDistance(value, uptime)) * 1000
    }
    default:
      return undefined
  }
}

/** From a to b modulo 2^32, at most 2^31 either way. */
function signedDistance(a: number, b: number): number {
  const ahead = (((b - a) % MODULUS) + MODULUS) % MODULUS
  return ahead < MODULUS / 2 ? ahead : ahead - MODULUS
}

function observationTime(cursor: Cursor): number | undefined {
  for (const element of OBSERVATION_TIMES) {
    const micros = cursor.micros(cursor.fieldOf(element))
    if (micros !== undefined) return micros
  }
  return undefined
}

function timeOf(
  own: number | undefined,
  { exportMs, arrivedMs }: Header,
): { readonly epochMs: number; readonly time: string } {
  const micros = own ?? exportMs * 1000
  const doubtful = Math.abs(micros / 1000 - arrivedMs) > DAY_MS
  const epochMs = doubtful ? arrivedMs : Math.floor(micros / 1000)
  return { epochMs, time: timeText(doubtful ? arrivedMs * 1000 : micros) ?? '' }
}
