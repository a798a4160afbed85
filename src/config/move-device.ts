import { configOf } from './config-of.ts'
import { replaceScalars } from './edit-yaml.ts'

/**
 * The text of a router.yaml in which the reservation of a device in a network has another address. Undefined when the file is
 * wrong, has no such reservation, or cannot be edited by a program.
 */
export function moveDevice(text: string, network: string, mac: string, address: string): string | undefined {
  const reservations = configOf(text)?.networks[network]?.dhcp?.reservations ?? []
  const at = reservations.findIndex((one) => one.mac === mac)
  if (at === -1) return undefined
  return replaceScalars(
    text,
    [['networks', network, 'dhcp', 'reservations', at, 'address']],
    address,
    address,
  )
}
