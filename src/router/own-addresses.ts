import type { Network, Router } from './model.ts'

/** The router's own addresses in a network, of those that stay: not the ones that the provider gives for a while. */
export function addressesIn({ address, ula }: Network): string[] {
  return [address, ...(ula ? [ula.address] : [])]
}

/** The same in all of its networks. */
export function ownAddresses({ networks }: Router): string[] {
  return networks.flatMap(addressesIn)
}
