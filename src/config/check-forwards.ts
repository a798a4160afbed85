import { contains, formatIp, formatPrefix } from '../lib/ip.ts'
import { fromOutside, hostBits } from './check-allow.ts'
import { portsMeet, portText, protocolsMeet } from './check-ports.ts'
import type { Draft, DraftForward } from './draft.ts'
import type { Finding } from './finding.ts'

/** `firewall.forwards`: each leads to a host of ours, and each port of the WAN address leads to one place. */
export function checkForwards(draft: Draft): Finding[] {
  return draft.forwards.flatMap((forward, i) => [
    ...target(forward, draft),
    ...ports(forward),
    ...(forward.source ? [...hostBits(forward.source), ...fromOutside(forward.source, draft)] : []),
    ...shadowed(forward, draft.forwards.slice(0, i)),
    ...routerPorts(forward, draft),
  ])
}

function target({ to }: DraftForward, { networks }: Draft): Finding[] {
  if (!to) return []
  const text = formatIp(to.value)
  const known = networks.flatMap((network) =>
    network.address ? [{ network, cidr: network.address.value }] : [],
  )
  const home = known.find(({ cidr }) => contains(cidr.prefix, to.value))
  if (!home) {
    // A network whose own address cannot be read may well be the one.
    if (known.length === 0 || known.length < networks.length) return []
    const where = known.map(({ network, cidr }) => `${network.name} ${formatPrefix(cidr.prefix)}`).join(', ')
    return [{ path: to.path, message: `${text} is in none of our networks`, fix: `write a host in ${where}` }]
  }
  const { network, cidr } = home
  const { prefix } = cidr
  if (to.value.value === cidr.ip.value) {
    const fix =
      'write a host of the network; a port of the router itself is opened with firewall.allow from wan to router'
    return [{ path: to.path, message: `${text} is the router itself`, fix }]
  }
  if (prefix.length <= 30 && (to.value.value === prefix.first || to.value.value === prefix.last)) {
    const kind = to.value.value === prefix.first ? 'network' : 'broadcast'
    const message = `${text} is the ${kind} address of ${formatPrefix(prefix)}`
    return [{ path: to.path, message, fix: `write a host in ${network.name}` }]
  }
  const pooled = network.dhcp?.pools.some(
    ({ first, last }) => first <= to.value.value && to.value.value <= last,
  )
  const reserved = network.dhcp?.reservations.some(
    ({ address }) => !address || address.value.value === to.value.value,
  )
  if (!pooled || reserved) return []
  return [
    {
      path: to.path,
      message: `${text} is handed out by DHCP: another host may have it tomorrow`,
      fix: `add a reservation for it under networks.${network.name}.dhcp`,
      severity: 'warning',
    },
  ]
}

function ports({ port, toPort }: DraftForward): Finding[] {
  if (!port || !toPort || port.value.from === port.value.to) return []
  const message = `the range ${portText(port.value)} cannot lead to the single port ${toPort.value}`
  return [{ path: toPort.path, message, fix: 'remove to_port: a range keeps its numbers' }]
}

function shadowed(forward: DraftForward, before: readonly DraftForward[]): Finding[] {
  const { port, protocol } = forward
  if (!port || protocol === undefined) return []
  const other = before.find(
    (earlier) =>
      earlier.port &&
      earlier.protocol !== undefined &&
      portsMeet(earlier.port.value, port.value) &&
      protocolsMeet(earlier.protocol, protocol) &&
      sourceCovers(earlier, forward),
  )
  if (!other?.port) return []
  const message = `port ${portText(other.port.value)} is already forwarded by entry ${Number(other.path.at(-1)) + 1}`
  return [
    { path: port.path, message, fix: 'choose another port, or put the rule with the narrower source first' },
  ]
}

/** The first rule that matches wins: one for fewer sources may stand before one for more. */
function sourceCovers(earlier: DraftForward, later: DraftForward): boolean {
  if (!earlier.hasSource) return true
  if (!earlier.source || !later.source) return false
  return contains(earlier.source.value.prefix, later.source.value.prefix)
}

function routerPorts({ port, protocol }: DraftForward, { allow }: Draft): Finding[] {
  if (!port || protocol === undefined) return []
  const rule = allow.find(
    (a) =>
      a.from?.value === 'wan' &&
      a.to?.value === 'router' &&
      a.protocol !== undefined &&
      protocolsMeet(a.protocol, protocol) &&
      a.ports.some(({ value }) => portsMeet(value, port.value)),
  )
  if (!rule) return []
  const message = `firewall.allow entry ${Number(rule.path.at(-1)) + 1} opens this port of the router itself to the WAN`
  return [{ path: port.path, message, fix: 'choose another port for one of the two' }]
}
