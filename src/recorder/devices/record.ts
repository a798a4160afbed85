import type { DeviceRecord } from '../records/device.ts'
import type { Interval } from './intervals.ts'
import { isRandomMac } from './mac.ts'

/** The record of an interval that goes on (`open`) or has ended. */
export function deviceRecord(interval: Interval, open: boolean, vendor: string | undefined): DeviceRecord {
  const { address, macAddress, device, network, from, until, seen } = interval
  return {
    time: new Date(from).toISOString(),
    until: new Date(until).toISOString(),
    lastSeen: new Date(seen).toISOString(),
    open,
    address,
    macAddress,
    ...(device === undefined ? {} : { device }),
    network,
    ...(vendor === undefined ? {} : { vendor }),
    randomMac: isRandomMac(macAddress),
  }
}
