import type { Host } from '../../../src/lab/host.ts'
import { machineState, stateDiff } from './machine-state.ts'

/** All of a machine: its state, and which units are active. What an undone change must have left as it was. */
export async function lookAt(router: Host) {
  const [machine, active] = await Promise.all([
    machineState(router),
    router.execOk([
      'systemctl',
      'list-units',
      '--all',
      '--no-legend',
      '--plain',
      '--state=active',
      '--type=service,socket,timer,path',
    ]),
  ])
  const units = active.split('\n').map((line) => `active: ${line.split(' ')[0]}`)
  // A link that was never up has no queue yet, and keeps the one it gets then.
  const links = machine.links.map((line) => line.replace(/ qdisc \w+ state DOWN /, ' state DOWN '))
  return { ...machine, links, units: [...machine.units, ...units].sort() }
}
export type Look = Awaited<ReturnType<typeof lookAt>>

/** How two looks differ, but for what is no part of what was given back. */
export function differences(before: Look, after: Look): string[] {
  return stateDiff(before, after).filter((line) => !PASSING.some((pattern) => pattern.test(line)))
}

const PASSING = [
  // What a DHCP client and Docker write anew whenever they start.
  /^files: . \/var\/lib\/dhcpcd\//,
  /^dockerNetworks: . \w+ bridge$/,
  /^links: . docker0: .*link\/ether/,
  // Ran once for systemd-networkd, and stays "active" until the next boot.
  /^units: \+ active: systemd-network-generator\.service$/,
  // A login by SSH begins a session, which stays for some seconds.
  /^(files|units): . .*(\/run\/user\/0|\/run\/motd\.dynamic|user-runtime-dir@0|user@0|session-)/,
  /^sysctls: . net\.ipv4\.tcp_fastopen_key /,
  /^files: \+ \/run\/sekisho\.lock /,
  // Lines for a recorder that went before it took them: data, and data stays.
  /^files: \+ \/var\/spool\/rsyslog\/sekisho-recorder\./,
]
