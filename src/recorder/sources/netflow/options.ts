import type { Cursor } from './cursor.ts'
import type { Domain, Exporter, Sampling } from './exporters.ts'

const INGRESS_INTERFACE = 10
const EGRESS_INTERFACE = 14
const INTERFACE_NAME = 82
const SYSTEM_INIT = 160
const SAMPLER_ID = 48
const SELECTOR_ID = 302
/** samplingInterval and samplerRandomInterval: one of so many. */
const INTERVALS = [34, 50]
/** samplingAlgorithm, samplerMode, selectorAlgorithm. */
const ALGORITHMS = [35, 49, 304]
const PACKET_INTERVAL = 305
const PACKET_SPACE = 306
const SIZE = 309
const POPULATION = 310
const MAX_INTERVAL = 2 ** 32 - 1
const MAX_NAME = 64

/** Takes from an options data record what flow records need: sampling, interfaces' names, when the exporter booted. */
export function readOptions(
  cursor: Cursor,
  exporter: Pick<Exporter<unknown>, 'setInterface'>,
  domain: Domain,
): void {
  const boot = cursor.micros(cursor.fieldOf(SYSTEM_INIT))
  if (boot !== undefined) domain.systemInitMs = boot / 1000

  const port = cursor.number(INGRESS_INTERFACE) ?? cursor.number(EGRESS_INTERFACE)
  const name = cursor.text(INTERFACE_NAME)
  if (port !== undefined && name) exporter.setInterface(port, name.slice(0, MAX_NAME))

  const sampling = samplingOf(cursor)
  if (!sampling) return
  const sampler = cursor.number(SAMPLER_ID) ?? cursor.number(SELECTOR_ID)
  if (sampler !== undefined) domain.setSampler(sampler, sampling)
  else if (port !== undefined) domain.setInterfaceSampling(port, sampling)
  else domain.sampling = sampling
}

function samplingOf(cursor: Cursor): Sampling | undefined {
  const told = first(cursor, INTERVALS) ?? packetInterval(cursor) ?? ratio(cursor)
  if (told === undefined || !(told >= 1 && told <= MAX_INTERVAL)) return undefined
  return { interval: Math.round(told), algorithm: first(cursor, ALGORITHMS) }
}

/** RFC 5477 section 8.2: so many packets are taken, then so many left out. */
function packetInterval(cursor: Cursor): number | undefined {
  const taken = cursor.number(PACKET_INTERVAL)
  const left = cursor.number(PACKET_SPACE)
  return taken && left !== undefined ? (taken + left) / taken : undefined
}

/** n out of N. */
function ratio(cursor: Cursor): number | undefined {
  const size = cursor.number(SIZE)
  const population = cursor.number(POPULATION)
  return size && population !== undefined ? population / size : undefined
}

function first(cursor: Cursor, elements: readonly number[]): number | undefined {
  for (const element of elements) {
    const value = cursor.number(element)
    if (value !== undefined) return value
  }
  return undefined
}
