/** The text of a MAC address's six bytes, "02:00:5e:10:00:01". */
export function macText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/(..)(?!$)/g, '$1:')
}

/** Whether the device made the address up: the locally administered bit (IEEE 802-2014 section 8.2.2). */
export function isRandomMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 2) !== 0
}
