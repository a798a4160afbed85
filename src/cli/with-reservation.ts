import { addReservation } from '../config/add-reservation.ts'
import type { Reservation } from '../config/schema.ts'
import { Refusal } from '../move/refusal.ts'

/** The text of router.yaml with a reservation more; throws a Refusal where no program can write it. */
export function withReservation(
  text: string,
  { network, reservation }: { readonly network: string; readonly reservation: Reservation },
): string {
  const edited = addReservation(text, network, reservation)
  if (edited !== undefined) return edited
  const { name, mac, address } = reservation
  throw new Refusal(
    `router.yaml has no plain networks.${network}.dhcp to write it into`,
    `write it there by hand: { name: ${name}, mac: "${mac}", address: ${address} }`,
  )
}
