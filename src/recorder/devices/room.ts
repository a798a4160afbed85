import type { Intervals } from './intervals.ts'
import type { Owner } from './owners.ts'

/** What one device may have at once: some prefixes, a new privacy address a day, a week each (RFC 8981). */
const PER_DEVICE = 64
/** Addresses without a lease, in one network at once. */
const UNLEASED_PER_NETWORK = 1024
const MINUTE = 60_000

/** So many at once, and so many a minute in the long run; true takes one. */
export type Bucket = (now: number) => boolean

export function bucket(most: number, perMinute: number): Bucket {
  let left = most
  let filled = Number.NEGATIVE_INFINITY
  return (now) => {
    left = Math.min(most, left + (Math.max(0, now - filled) / MINUTE) * perMinute)
    filled = now
    if (left < 1) return false
    left -= 1
    return true
  }
}

/**
 * Whether there is room for one more address: a client that goes through thousands of MAC or IPv6 addresses fills
 * neither memory nor disk, and takes no room from those with a lease. Make it once; give it what is open at each turn.
 */
export function room(): (open: Intervals, now: number) => (owner: Owner) => boolean {
  const leased = bucket(1024, 60)
  const unleased = new Map<string, Bucket>()
  return (open, now) => {
    const devices = new Map<string, number>()
    const networks = new Map<string, number>()
    const count = ({
      macAddress,
      network,
      leased,
    }: Pick<Owner, 'macAddress' | 'network' | 'leased'>): void => {
      devices.set(macAddress, (devices.get(macAddress) ?? 0) + 1)
      if (!leased) networks.set(network, (networks.get(network) ?? 0) + 1)
    }
    for (const interval of open.values()) count(interval)
    return (owner) => {
      const { macAddress, network } = owner
      if ((devices.get(macAddress) ?? 0) >= PER_DEVICE) return false
      if (!owner.leased && (networks.get(network) ?? 0) >= UNLEASED_PER_NETWORK) return false
      const its = unleased.get(network) ?? bucket(512, 20)
      unleased.set(network, its)
      if (!(owner.leased ? leased : its)(now)) return false
      count(owner)
      return true
    }
  }
}
