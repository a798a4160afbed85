import { Command } from 'commander'
import { changing } from './change-command.ts'
import type { Changed } from './change-router.ts'
import type { Device, Known } from './find-device.ts'

interface Options {
  readonly json?: boolean
}

/** `sekisho pause WHO`: no Internet for a device until `sekisho resume WHO`. */
export function pauseCommand(): Command {
  return new Command('pause')
    .description('no Internet for a device, at once and until "resume"; its own network and the router stay')
    .argument('<who>', 'its MAC address, its address or its name')
    .option('--json', 'the result for programs')
    .action((who: string, { json }: Options) => changing('pause', json === true, () => pause(who)))
}

/** `sekisho resume WHO`: takes back what `pause` did, and nothing that somebody wrote by hand. */
export function resumeCommand(): Command {
  return new Command('resume')
    .description('the Internet again for a device that was paused')
    .argument('<who>', 'its MAC address, its address or its name')
    .option('--json', 'the result for programs')
    .action((who: string, { json }: Options) => changing('resume', json === true, () => resume(who)))
}

async function pause(who: string): Promise<Changed & { says: string }> {
  const { pauseDevice, pausedIn } = await import('../config/pause-device.ts')
  const { Refusal } = await import('../move/refusal.ts')
  const { changeHere, knownDevices } = await import('./change-command.ts')
  const { findDevice } = await import('./find-device.ts')
  const device = findDevice(who, await knownDevices())
  const { mac, label, networks } = device
  const changed = await changeHere((text) => {
    const missing = networks.filter((network) => !pausedIn(text, mac).includes(network))
    if (missing.length === 0) throw new Refusal(`${label} is paused already`, `sekisho resume ${mac}`)
    const edited = missing.reduce<string | undefined>(
      (made, network) => made && pauseDevice(made, network, mac),
      text,
    )
    if (edited !== undefined) return edited
    throw new Refusal('router.yaml has no plain place for it', `deny ${mac} the WAN under firewall by hand`)
  })
  const ended = await endItsConnections(device, await knownDevices())
  return { ...changed, says: `${label} (${mac}) is paused; ${ended} connections were cut.` }
}

async function resume(who: string): Promise<Changed & { says: string }> {
  const { pausedIn, resumeDevice } = await import('../config/pause-device.ts')
  const { MacAddress } = await import('../config/schema.ts')
  const { Refusal } = await import('../move/refusal.ts')
  const { changeHere, knownDevices } = await import('./change-command.ts')
  const { findDevice } = await import('./find-device.ts')
  // A device that left long ago is known by its pause.
  const mac = MacAddress.safeParse(who).data ?? findDevice(who, await knownDevices()).mac
  const changed = await changeHere((text) => {
    if (pausedIn(text, mac).length === 0)
      throw new Refusal(`${mac} is not paused`, 'sekisho pause does; what else refuses it is in router.yaml')
    const edited = resumeDevice(text, mac)
    if (edited !== undefined) return edited
    throw new Refusal('router.yaml has the pause in no plain place', `take it out of firewall.deny by hand`)
  })
  return { ...changed, says: `${mac} has the Internet again.` }
}

/** What the firewall let pass before goes on otherwise: it looks at what begins. Returns how many were ended. */
async function endItsConnections({ mac, addresses }: Device, known: Known): Promise<number> {
  const { endConnections } = await import('../agent/end-connections.ts')
  const { isOutward } = await import('./is-outward.ts')
  const { networkInterfaces } = await import('node:os')
  const neighbours = known.neighbours.filter(({ macAddress }) => macAddress === mac)
  const own = new Set([...addresses, ...neighbours.map(({ address }) => address)])
  const router = Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).map(({ address }) => address),
  )
  const near = { router: new Set(router), networks: known.networks, neighbours: known.neighbours }
  return endConnections((connection) => isOutward(connection, own, near))
}
