import { addReservation } from '../config/add-reservation.ts'
import { moveDevice } from '../config/move-device.ts'
import { renameDevice } from '../config/rename-device.ts'
import { Refusal } from '../move/refusal.ts'
import type { PlannedReservation } from './plan-reservation.ts'

/** The text of router.yaml with a reservation more, or with another than before; throws a Refusal where no program can write it. */
export function withReservation(text: string, planned: PlannedReservation): string {
  const edited = planned.before
    ? changed(text, planned)
    : addReservation(text, planned.network, planned.reservation)
  if (edited !== undefined) return edited
  const { network, reservation } = planned
  const { name, mac, address } = reservation
  throw new Refusal(
    `router.yaml has no plain networks.${network}.dhcp to write it into`,
    `write it there by hand: { name: ${name}, mac: "${mac}", address: ${address} }`,
  )
}

function changed(text: string, { network, reservation, before }: PlannedReservation): string | undefined {
  const { name, mac, address } = reservation
  const moved = address === before?.address ? text : moveDevice(text, network, mac, address)
  return moved === undefined || name === before?.name ? moved : renameDevice(moved, mac, name)
}
