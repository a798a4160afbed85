/** Whether the device made the address up: the locally administered bit (IEEE 802-2014 section 8.2.2). */
export function isRandomMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 2) !== 0
}
