/**
 * An address that belonged to a device for a while (kind "devices"). Rows that agree in address, macAddress and time tell
 * of the same while: the one with the latest `until` counts.
 */
export interface DeviceRecord {
  /** From when: RFC 3339, UTC. */
  readonly time: string
  /** Until when it was looked at and found so. */
  readonly until: string
  /** When the device last gave a sign of itself: it answered the router, or spoke DHCP. */
  readonly lastSeen: string
  /** It was still so when this was written: another record follows, within an hour or so, or when it ended. */
  readonly open: boolean
  readonly address: string
  readonly macAddress: string
  readonly device?: string
  readonly network: string
  readonly vendor?: string
  readonly randomMac: boolean
}
