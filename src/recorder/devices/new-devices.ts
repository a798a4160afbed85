import type { EventRecord } from '../records/event.ts'
import type { Interval } from './intervals.ts'
import { type KnownDevices, wasSeen } from './known.ts'
import { isRandomMac } from './mac.ts'

/** An event "device.new" for each MAC address that was never seen in its network before. */
export function newDevices(
  before: KnownDevices,
  intervals: Iterable<Interval>,
  vendorOf: (mac: string) => string | undefined,
): EventRecord[] {
  const events = new Map<string, EventRecord>()
  for (const { macAddress, network, address, device, from } of intervals) {
    const key = `${network} ${macAddress}`
    if (events.has(key) || wasSeen(before.get(macAddress), network)) continue
    events.set(key, {
      time: new Date(from).toISOString(),
      tag: 'device.new',
      senderAddress: address,
      record: {
        macAddress,
        network,
        device,
        vendor: vendorOf(macAddress),
        randomMac: isRandomMac(macAddress),
      },
    })
  }
  return [...events.values()]
}
