/** From where to where a message went, and when. One object tells it of all packets: of the one read last. */
export class Flow {
  /** Of 16 bytes, of which IPv4 uses four. */
  readonly source = Buffer.alloc(16)
  readonly destination = Buffer.alloc(16)
  /** Bytes of an address: 4 or 16. */
  addressBytes = 4
  sourcePort = 0
  destinationPort = 0
  tcp = false
  /** Since 1970. */
  timeMicros = 0
  interfaceName: string | undefined

  setAddresses(bytes: Uint8Array, at: number, length: number): void {
    const { source, destination } = this
    this.addressBytes = length
    for (let i = 0; i < length; i++) {
      source[i] = bytes[at + i] ?? 0
      destination[i] = bytes[at + length + i] ?? 0
    }
  }

  /** The other way round. */
  reverse(): void {
    const { source, destination, sourcePort, destinationPort } = this
    for (let i = 0; i < this.addressBytes; i++) {
      const byte = source[i] ?? 0
      source[i] = destination[i] ?? 0
      destination[i] = byte
    }
    this.sourcePort = destinationPort
    this.destinationPort = sourcePort
  }
}
