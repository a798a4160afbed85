/**
 * The VLANs on a device that have a device of their own among those that are watched ("lan1.20" for VLAN 20 on "lan1"):
 * the kernel shows their frames at both.
 */
export function vlansElsewhere(device: string, devices: readonly string[]): number[] {
  return devices.flatMap((other) => {
    const vlan = other.startsWith(`${device}.`) ? other.slice(device.length + 1) : ''
    return /^\d{1,4}$/.test(vlan) ? [Number(vlan)] : []
  })
}
