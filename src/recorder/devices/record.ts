import type { DeviceRecord } from '../records/device.ts'
import type { Interval } from './intervals.ts'
import { isRandomMac } from './mac.ts'

/** The record of an interval, as far as it is known. */
export function deviceRecord(interval: Interval, vendor: string | undefined): DeviceRecord {
  const { address, macAddress, device, network, from, until, seen } = interval
  return {
    time: new Date(from).toISOString(),
    until: new Date(until).toISOString(),
    lastSeen: new Date(seen).toISOString(),
    address,
    macAddress,
    ...(device === undefined ? {} : { device }),
    network,
    ...(vendor === undefined ? {} : { vendor }),
    randomMac: isRandomMac(macAddress),
  }
}
