import { Command } from 'commander'
import { changing } from './change-command.ts'
import type { Changed } from './change-router.ts'

/** `sekisho rename WHO NAME`: another name for a device, kept in router.yaml and applied at once. */
export function renameCommand(): Command {
  return new Command('rename')
    .description(
      'give a device a name: in router.yaml, applied at once; it gets a reservation if it has none',
    )
    .argument('<who>', 'its MAC address, its address or its name')
    .argument('<name>', 'the new name')
    .option('--json', 'the result for programs')
    .action((who: string, name: string, { json }: { json?: boolean }) =>
      changing('rename', json === true, () => rename(who, name)),
    )
}

async function rename(who: string, wished: string): Promise<Changed & { says: string }> {
  const { HostLabel } = await import('../config/schema.ts')
  const { Refusal } = await import('../move/refusal.ts')
  const { changeHere, knownDevices } = await import('./change-command.ts')
  const { findDevice } = await import('./find-device.ts')
  const label = HostLabel.safeParse(wished)
  if (!label.success)
    throw new Refusal(
      `${JSON.stringify(wished)} is no name`,
      'say 1 to 63 lower-case letters, digits or inner "-"',
    )
  const name = label.data
  const known = await knownDevices()
  const { mac, reservation } = findDevice(who, known)
  if (reservation?.name === name) throw new Refusal(`${mac} is called ${name} already`, 'choose another name')
  if (reservation) {
    const { renameDevice } = await import('../config/rename-device.ts')
    const changed = await changeHere((text) => {
      const edited = renameDevice(text, mac, name)
      if (edited !== undefined) return edited
      throw new Refusal(`router.yaml has no plain reservation of ${mac}`, 'change its name there by hand')
    })
    return { ...changed, says: `${mac} was called ${reservation.name} and is called ${name}.` }
  }
  const { planReservation } = await import('./plan-reservation.ts')
  const planned = planReservation(mac, { name }, known.networks, known.leases)
  const { withReservation } = await import('./with-reservation.ts')
  const changed = await changeHere((text) => withReservation(text, planned))
  return { ...changed, says: `${mac} is called ${name}, and keeps ${planned.reservation.address}.` }
}
