import { formatIp } from '../lib/ip.ts'
import { portsMeet, portsTwice, portText, protocolsMeet } from './check-ports.ts'
import type { Draft, DraftPinhole } from './draft.ts'
import { either, type Finding, show } from './finding.ts'
import { suggest } from './suggest.ts'

const LOW = (1n << 64n) - 1n

/** `firewall.pinholes`: a network of ours, an interface identifier (RFC 4291 section 2.5.1), ports once. */
export function checkPinholes(draft: Draft): Finding[] {
  const { pinholes, wan } = draft
  const off = wan.ipv6?.value === 'off'
  return pinholes.flatMap((pinhole, i) => [
    ...(off
      ? [
          {
            path: pinhole.path,
            message: 'wan.ipv6 is off: nothing can come in',
            fix: 'remove the pinhole, or "ipv6: off"',
          },
        ]
      : []),
    ...network(pinhole, draft),
    ...identifier(pinhole),
    ...portsTwice(pinhole.ports),
    ...twice(pinhole, pinholes.slice(0, i)),
  ])
}

function network({ network: name }: DraftPinhole, { networks }: Draft): Finding[] {
  const known = networks.map((n) => n.name)
  if (!name || known.includes(name.value)) return []
  const near = suggest(name.value, known)
  const fix =
    near === undefined ? `write ${either(known) || 'the name of a network'}` : `did you mean ${near}?`
  return [{ path: name.path, message: `there is no network ${show(name.value)}`, fix }]
}

function identifier({ interfaceId }: DraftPinhole): Finding[] {
  if (!interfaceId) return []
  const { path } = interfaceId
  const { value } = interfaceId.value
  const low = value & LOW
  const text = formatIp({ version: 6, value: low })
  if (low === 0n) {
    const message = 'its low 64 bits are zero: that is no host'
    return [{ path, message, fix: "write the low half of the host's address, like ::1c2d:3eff:fe4f:5a6b" }]
  }
  if (low !== value) {
    const message = 'it has a prefix, which changes: only the low 64 bits identify the host'
    return [{ path, message, fix: `write ${text}` }]
  }
  if (low === 1n) {
    const message = '::1 is the router in every network'
    return [
      {
        path,
        message,
        fix: "write the host's identifier; a port of the router is opened with firewall.allow",
      },
    ]
  }
  return []
}

function twice(
  { network: name, interfaceId, protocol, ports }: DraftPinhole,
  before: readonly DraftPinhole[],
): Finding[] {
  if (!name || !interfaceId || protocol === undefined) return []
  return ports.flatMap(({ value, path }) => {
    const other = before.find(
      (earlier) =>
        earlier.network?.value === name.value &&
        earlier.interfaceId?.value.value === interfaceId.value.value &&
        earlier.protocol !== undefined &&
        protocolsMeet(earlier.protocol, protocol) &&
        earlier.ports.some((port) => portsMeet(port.value, value)),
    )
    if (!other) return []
    const message = `entry ${Number(other.path.at(-1)) + 1} already opens port ${portText(value)} of this host`
    return [{ path, message, fix: 'remove one of the two' }]
  })
}
