import { LEAD_MS, OPEN_TAIL_MS, TAIL_MS } from '../src/recorder/devices/spans-sql.ts'
import type { DeviceRecord } from '../src/recorder/records/device.ts'

/** For the records of this time an address is a device's; milliseconds since 1970, `to` itself excluded. */
export interface Span {
  readonly address: string
  readonly macAddress: string
  readonly device?: string
  readonly from: number
  readonly to: number
}

/** Of a record of the kind "devices", what spans are made from; times in milliseconds since 1970. */
export interface DeviceRow extends Pick<DeviceRecord, 'address' | 'macAddress' | 'device' | 'open'> {
  readonly time: number
  readonly until: number
}

/** What `spansSql` says, in TypeScript: rows about the same time become one, an address has one device at any time. */
export function spansOf(rows: Iterable<DeviceRow>): Span[] {
  const byAddress = Map.groupBy(rows, ({ address }) => address)
  return [...byAddress.values()].flatMap((its) => spansOfAddress(latestOf(its)))
}

function spansOfAddress(rows: readonly DeviceRow[]): Span[] {
  let ended = Number.NEGATIVE_INFINITY
  const starts = rows.map(({ time, until }) => {
    const start = Math.max(time - LEAD_MS, ended)
    ended = Math.max(ended, until)
    return start
  })
  return rows.flatMap(({ address, macAddress, device, until, open }, i): Span[] => {
    const from = starts[i] ?? 0
    const to = Math.min(until + (open ? OPEN_TAIL_MS : TAIL_MS), starts[i + 1] ?? Number.POSITIVE_INFINITY)
    return from < to ? [{ address, macAddress, ...(device === undefined ? {} : { device }), from, to }] : []
  })
}

/** One row for each MAC address and time, the latest that was written, by time. */
function latestOf(rows: readonly DeviceRow[]): DeviceRow[] {
  const latest = new Map<string, DeviceRow>()
  for (const row of rows) {
    const key = `${row.macAddress} ${row.time}`
    const old = latest.get(key)
    const [last, first] = old === undefined || row.until >= old.until ? [row, old] : [old, row]
    const device = last.device ?? first?.device
    const open = last.open && first?.open !== false
    latest.set(key, { ...last, open, ...(device === undefined ? {} : { device }) })
  }
  return [...latest.values()].toSorted((a, b) => a.time - b.time || (a.macAddress < b.macAddress ? -1 : 1))
}
