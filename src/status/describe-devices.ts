import { table } from '../lib/table.ts'
import { minuteText } from '../recorder/ask/units.ts'
import type { DeviceOverview } from '../recorder/devices/overview.ts'

const HEAD = ['NAME', 'MAC', 'VENDOR', 'NETWORK', 'FIRST SEEN', 'LAST SEEN', 'ADDRESSES']

/** The devices as a table for people: a line each, addresses last. What a device said of itself cannot hurt a terminal. */
export function describeDevices(devices: readonly DeviceOverview[]): string {
  const rows = devices.map(
    ({ device, macAddress, randomMac, vendor, network, firstSeen, lastSeen, addresses }) => [
      device ?? '-',
      randomMac ? `${macAddress} (random)` : macAddress,
      vendor ?? '-',
      network,
      minuteText(Date.parse(firstSeen)),
      minuteText(Date.parse(lastSeen)),
      addresses.join(' ') || '-',
    ],
  )
  return table([HEAD, ...rows.map((row) => row.map(harmless))])
}

/** Control and format characters, and what turns a line around, become "?". */
function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu, '?')
}
