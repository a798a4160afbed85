import { type Owner, ownerKey } from './owners.ts'

/** A time in which nobody looked, or nothing was found, is passed over up to this long (milliseconds). */
export const GAP_MS = 15 * 60_000

/** How often an open interval is written (milliseconds). */
const WRITE_MS = 60 * 60_000

/** An address belonged to a device from `from` until `until`, as far as is known; milliseconds since 1970. */
export interface Interval {
  readonly address: string
  readonly network: string
  readonly macAddress: string
  readonly device?: string
  readonly leased: boolean
  readonly from: number
  readonly until: number
  /** When the device last gave a sign of itself. */
  readonly seen: number
  /** `until` in the record written last; absent when there is none, or none with the name. */
  readonly written?: number
}

export type Intervals = ReadonlyMap<string, Interval>

export interface Advanced {
  readonly open: Intervals
  readonly ended: readonly Interval[]
  /** Addresses for which there was no room. */
  readonly refused: number
}

/**
 * Takes up who owns which address at `now`. An interval grows as long as its owner is found; it ends when another device
 * has the address, when the device's name changed, when a new day begins (UTC), or when nothing was found for too long,
 * at the time it was last found. `admit` says whether there is room for one more.
 */
export function advance(
  before: Intervals,
  owners: Iterable<Owner>,
  now: number,
  admit: (owner: Owner) => boolean = () => true,
): Advanced {
  const open = new Map(before)
  const ended: Interval[] = []
  let refused = 0
  const end = (key: string, interval: Interval): void => {
    open.delete(key)
    ended.push(interval)
  }
  for (const [key, interval] of before) {
    // Either nothing was found for long, or the clock was set back.
    if (Math.abs(now - interval.until) > GAP_MS) end(key, interval)
  }
  for (const owner of owners) {
    const key = ownerKey(owner)
    const interval = open.get(key)
    const at = Math.min(owner.at, now)
    // Too old to say anything of now: it would begin in a time that may be another's.
    if (now - at > GAP_MS) continue
    const same = interval !== undefined && isSame(interval, owner)
    if (same && dayOf(interval.from) === dayOf(now)) {
      open.set(key, grown(interval, owner, at))
      continue
    }
    if (interval !== undefined) end(key, interval)
    // A new day alone takes no room.
    const name = same && interval.device !== undefined ? { device: interval.device } : {}
    if (same || admit(owner)) open.set(key, begun({ ...name, ...owner }, Math.max(at, interval?.until ?? at)))
    else refused += 1
  }
  return { open, ended, refused }
}

/** Whether an open interval is due for a record: the first at once, then not more than one an hour. */
export function isDue({ until, written }: Interval): boolean {
  return written === undefined || until - written >= WRITE_MS
}

/** Whether more is known of an open interval than has been written. */
export function isUnwritten({ until, written }: Interval): boolean {
  return written !== until
}

function isSame(interval: Interval, { macAddress, device }: Owner): boolean {
  if (interval.macAddress !== macAddress) return false
  return interval.device === undefined || device === undefined || interval.device === device
}

/** Records are filed under the day on which their interval began, and a day that is over is not to be written again. */
function dayOf(epochMs: number): number {
  return Math.floor(epochMs / 86_400_000)
}

function grown(interval: Interval, owner: Owner, at: number): Interval {
  const named = interval.device === undefined && owner.device !== undefined
  const { written, ...rest } = interval
  return {
    ...rest,
    ...(named ? { device: owner.device } : {}),
    // A record without the name is to be followed by one with it.
    ...(named || written === undefined ? {} : { written }),
    leased: owner.leased,
    until: Math.max(interval.until, at),
    seen: Math.max(interval.seen, owner.seen),
  }
}

function begun({ address, network, macAddress, device, leased, seen }: Owner, from: number): Interval {
  return {
    address,
    network,
    macAddress,
    ...(device === undefined ? {} : { device }),
    leased,
    from,
    until: from,
    seen,
  }
}
