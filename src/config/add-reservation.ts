import { parseDocument } from 'yaml'
import { addEntry, plainLabel } from './edit-yaml.ts'
import type { Reservation } from './schema.ts'

/**
 * The text of a router.yaml with one more reservation at the end of a network's: every other character stays where that
 * can be done, and every comment in any case. Undefined when the network has no dhcp section of its own in the file.
 */
export function addReservation(text: string, network: string, reservation: Reservation): string | undefined {
  const { name, mac, address } = reservation
  const path = ['networks', network, 'dhcp'] as const
  if (!parseDocument(text, { version: '1.2', schema: 'core', logLevel: 'error' }).hasIn(path))
    return undefined
  // A MAC address of digits alone would read as a number in base 60.
  const entry = `{ name: ${plainLabel(name)}, mac: "${mac}", address: ${address} }`
  return addEntry(text, [...path, 'reservations'], { name, mac, address }, entry)
}
