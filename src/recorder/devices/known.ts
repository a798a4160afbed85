import type { Interval } from './intervals.ts'

/** Of devices without a lease so many are remembered, the latest seen; and so many with one. */
const MOST_UNLEASED = 1024
const MOST_LEASED = 2048

/** A device as it is remembered, after its last address too. Times are milliseconds since 1970. */
export interface KnownDevice {
  readonly macAddress: string
  /** Where it was seen last. */
  readonly network: string
  /** Where it was ever seen, if in more networks than that. */
  readonly networks?: readonly string[]
  readonly device?: string
  readonly vendor?: string
  /** It had a lease once. */
  readonly leased: boolean
  readonly firstSeen: number
  readonly lastSeen: number
}

export type KnownDevices = ReadonlyMap<string, KnownDevice>

/** The devices known before and those that have or had these addresses; whom there is no room for was seen longest ago. */
export function remember(
  before: KnownDevices,
  intervals: Iterable<Interval>,
  vendorOf: (mac: string) => string | undefined,
): KnownDevices {
  const known = new Map(before)
  for (const { macAddress, network, device, leased, from, seen } of intervals) {
    const old = known.get(macAddress)
    const name = device ?? old?.device
    const vendor = old === undefined ? vendorOf(macAddress) : old.vendor
    // Where it was seen last is where it is.
    const latest = old === undefined || seen >= old.lastSeen
    known.set(macAddress, {
      macAddress,
      network: latest ? network : old.network,
      ...networksOf(old, network),
      ...(name === undefined ? {} : { device: name }),
      ...(vendor === undefined ? {} : { vendor }),
      leased: leased || old?.leased === true,
      firstSeen: Math.min(from, old?.firstSeen ?? from),
      lastSeen: Math.max(seen, old?.lastSeen ?? seen),
    })
  }
  return known.size <= MOST_UNLEASED ? known : forgetOldest(known)
}

/** Whether a device was seen in a network. */
export function wasSeen(device: KnownDevice | undefined, network: string): boolean {
  return device !== undefined && (device.network === network || device.networks?.includes(network) === true)
}

function networksOf(old: KnownDevice | undefined, network: string): Pick<KnownDevice, 'networks'> {
  if (old === undefined) return {}
  if (wasSeen(old, network)) return old.networks === undefined ? {} : { networks: old.networks }
  return { networks: [...(old.networks ?? [old.network]), network] }
}

function forgetOldest(known: KnownDevices): KnownDevices {
  const devices = [...known.values()].toSorted((a, b) => b.lastSeen - a.lastSeen)
  const kept = [
    ...devices.filter(({ leased }) => leased).slice(0, MOST_LEASED),
    ...devices.filter(({ leased }) => !leased).slice(0, MOST_UNLEASED),
  ]
  return new Map(kept.map((device) => [device.macAddress, device]))
}
