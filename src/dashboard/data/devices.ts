import { endsSql } from '../../recorder/ask/ends.ts'
import { moment, number, rowsOf, text } from '../../recorder/ask/rows.ts'
import { overviewOf } from '../../recorder/devices/overview.ts'
import type { DevicesState } from '../../recorder/devices/state.ts'
import type { Session } from '../../recorder/query/session.ts'
import type { DeviceRow, Span } from '../api.ts'
import { during, onDates } from './conditions.ts'
import { cutName } from './cut.ts'
import { withMac } from './holders.ts'

/** A client can go through MAC addresses: the latest seen are shown. */
const MOST_DEVICES = 2000
const MOST_ADDRESSES = 64

/** What is known of devices beside the records. */
export interface Known {
  readonly state: DevicesState
  readonly reserved: ReadonlySet<string>
  readonly paused: ReadonlySet<string>
}

type Identity = Omit<DeviceRow, 'down' | 'up' | 'questions'>

interface Usage {
  readonly down: number
  readonly up: number
  readonly questions: number
}

/** All devices that were ever seen, the latest first, with what they used in a time. */
export async function devicesOf(session: Session, known: Known, span: Span): Promise<DeviceRow[]> {
  const identities = await identitiesOf(session, known)
  const usage = await usageOf(session, span)
  return identities.map((device) => withUsage(device, usage.get(device.id)))
}

/** Devices without what they used. */
export function withUsage(device: Identity, usage?: Usage): DeviceRow {
  return { ...device, down: 0, up: 0, questions: 0, ...usage }
}

/** A row with what router.yaml says of the device now. */
export function withState(device: DeviceRow, { reserved, paused }: Known): DeviceRow {
  return { ...device, reserved: reserved.has(device.id), paused: paused.has(device.id) }
}

/** From the archive and what the recorder knows now, the latest seen first. */
export async function identitiesOf(session: Session, known: Known): Promise<Identity[]> {
  const rows = await rowsOf(
    session,
    ['devices'],
    `SELECT macAddress, bool_or(randomMac) AS random, arg_max(device, "until") AS device, arg_max(vendor, "until") AS vendor,
      arg_max(network, "until") AS network, min("time") AS "first", max(lastSeen) AS "last"
      FROM devices WHERE macAddress IS NOT NULL GROUP BY 1 ORDER BY "last" DESC LIMIT ${MOST_DEVICES}`,
  )
  const identities = new Map<string, Identity>()
  for (const row of rows) {
    const id = text(row.macAddress) ?? ''
    identities.set(id, {
      id,
      macAddress: id,
      randomMac: row.random === true,
      ...named('name', text(row.device)),
      ...named('vendor', text(row.vendor)),
      network: text(row.network) ?? '',
      addresses: [],
      firstSeenMs: moment(row.first) ?? 0,
      lastSeenMs: moment(row.last) ?? 0,
      reserved: known.reserved.has(id),
      paused: known.paused.has(id),
    })
  }
  for (const device of liveOf(known)) {
    const old = identities.get(device.id)
    identities.set(device.id, {
      ...old,
      ...device,
      firstSeenMs: Math.min(device.firstSeenMs, old?.firstSeenMs ?? device.firstSeenMs),
      lastSeenMs: Math.max(device.lastSeenMs, old?.lastSeenMs ?? 0),
    })
  }
  return [...identities.values()].toSorted((a, b) => b.lastSeenMs - a.lastSeenMs).slice(0, MOST_DEVICES)
}

/** Those that the recorder knows now. */
export function liveOf({ state, reserved, paused }: Known): Identity[] {
  return overviewOf(state, true).map(
    ({ device, macAddress, randomMac, vendor, network, addresses, firstSeen, lastSeen }) => ({
      id: macAddress,
      macAddress,
      randomMac,
      ...named('name', device),
      ...named('vendor', vendor),
      network,
      addresses: addresses.slice(0, MOST_ADDRESSES),
      firstSeenMs: Date.parse(firstSeen),
      lastSeenMs: Date.parse(lastSeen),
      reserved: reserved.has(macAddress),
      paused: paused.has(macAddress),
    }),
  )
}

/** What each device used, by its MAC address. Of an address that changed hands each has what it had it for. */
async function usageOf(session: Session, span: Span): Promise<Map<string, Usage>> {
  const flows = `SELECT "time", address, down, up FROM ${endsSql(`${onDates(span)} AND ${during('flows', span)}`)}`
  const moved = await rowsOf(
    session,
    ['flows', 'devices'],
    `SELECT mac, sum(down)::DOUBLE AS down, sum(up)::DOUBLE AS up FROM (${withMac(flows)}) WHERE mac IS NOT NULL GROUP BY 1`,
  )
  const asked = await rowsOf(
    session,
    ['dns', 'devices'],
    `SELECT mac, count(*) AS questions FROM (${withMac(
      `SELECT "time", clientAddress AS address FROM dns WHERE ${onDates(span)} AND ${during('dns', span)}`,
    )}) WHERE mac IS NOT NULL GROUP BY 1`,
  )
  const usage = new Map<string, Usage>()
  for (const row of moved)
    usage.set(text(row.mac) ?? '', { down: number(row.down), up: number(row.up), questions: 0 })
  for (const row of asked) {
    const mac = text(row.mac) ?? ''
    usage.set(mac, { down: 0, up: 0, ...usage.get(mac), questions: number(row.questions) })
  }
  return usage
}

function named<K extends 'name' | 'vendor'>(key: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined ? {} : ({ [key]: cutName(value) } as Record<K, string>)
}
