import { NeighbourTable } from '../../recorder/netlink/neighbour-table.ts'

/** A device's address is its own for a while after the kernel forgot it as a neighbour. */
const KEEP_MS = 3_600_000
const MAX_ADDRESSES = 32_768

/** Which device (MAC address) has an address, as the kernel's neighbour table said last. Needs no capability. */
export class DeviceOf {
  readonly #table = NeighbourTable.open()
  #known = new Map<string, { readonly macAddress: string; readonly at: number }>()

  find(address: string): string | undefined {
    return this.#known.get(address)?.macAddress
  }

  async refresh(now: number = performance.now()): Promise<void> {
    const entries = await this.#table.list()
    const known = new Map<string, { readonly macAddress: string; readonly at: number }>()
    for (const { address, macAddress } of entries) known.set(address, { macAddress, at: now })
    for (const [address, one] of this.#known) {
      if (known.size >= MAX_ADDRESSES) break
      if (!known.has(address) && now - one.at < KEEP_MS) known.set(address, one)
    }
    this.#known = known
  }

  close(): void {
    this.#table.close()
  }
}
