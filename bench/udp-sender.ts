import { setTimeout as sleep } from 'node:timers/promises'
import * as libc from '../src/recorder/netlink/libc.ts'

const AF_INET = 2
const SOCK_DGRAM = 2

/** Sends datagrams to a port of 127.0.0.1 as fast as one processor can, or evenly. */
export class UdpSender {
  readonly #fd: number
  readonly #address: Buffer

  constructor(port: number) {
    this.#fd = libc.socket(AF_INET, SOCK_DGRAM, 0)
    this.#address = Buffer.alloc(16)
    this.#address.writeUInt16LE(AF_INET, 0)
    this.#address.writeUInt16BE(port, 2)
    this.#address.set([127, 0, 0, 1], 4)
  }

  /** One after the other without a pause. */
  burst(datagrams: readonly Buffer[]): void {
    for (const datagram of datagrams) {
      const sent = libc.sendto(this.#fd, datagram, datagram.length, 0, this.#address, this.#address.length)
      if (sent !== datagram.length) throw new Error(`sendto: errno ${libc.errno()}`)
    }
  }

  /** So many a second, in small bursts each few milliseconds. */
  async evenly(datagrams: readonly Buffer[], perSecond: number): Promise<void> {
    const start = performance.now()
    for (let sent = 0; sent < datagrams.length; ) {
      const due = Math.min(datagrams.length, Math.ceil(((performance.now() - start) / 1000) * perSecond))
      this.burst(datagrams.slice(sent, due))
      sent = due
      await sleep(2)
    }
  }

  close(): void {
    libc.close(this.#fd)
  }
}
