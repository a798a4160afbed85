import type { Draft, DraftMember } from './draft.ts'
import type { Finding } from './finding.ts'
import { PPP_DEVICE } from './schema.ts'

interface Use extends DraftMember {
  readonly owner: string
}

/** Devices the kernel, Docker, pppd or apply makes (router/health/), and names that sysctl takes for all devices. */
const NOT_PORTS: ReadonlySet<string> = new Set([
  'lo',
  'all',
  'default',
  'docker0',
  'bonding_masters',
  'sekisho-a',
  'sekisho-b',
  PPP_DEVICE,
])

/** Ports, VLANs and bridges: each device has one place. An untagged and a tagged network may share a port. */
export function checkInterfaces({ wan, networks }: Draft): Finding[] {
  const uses: Use[] = [
    ...(wan.member ? [{ ...wan.member, owner: 'wan' }] : []),
    ...networks.flatMap(({ name, members }) => members.map((member) => ({ ...member, owner: name }))),
  ]
  const bridges = new Map(
    networks.filter(({ memberCount }) => memberCount > 1).map(({ name }) => [`br-${name}`, name]),
  )
  const findings: Finding[] = []
  const first = new Map<string, Use>()
  for (const use of uses) {
    findings.push(...nameProblem(use))
    const bridge = bridges.get(use.device)
    if (bridge !== undefined) {
      const message = `${use.device} is the bridge that network ${bridge} makes`
      findings.push({ path: use.path, message, fix: `name a physical port, or rename network ${bridge}` })
    }
    const before = first.get(use.device)
    if (before) {
      const where = before.owner === use.owner ? `both times by ${use.owner}` : `by ${before.owner} too`
      findings.push({
        path: use.path,
        message: `${use.vlan === undefined ? use.port : `VLAN ${use.vlan} of ${use.port}`} is used twice: ${where}`,
        fix: 'remove one of the two, or give one another port or VLAN',
      })
      continue
    }
    first.set(use.device, use)
  }
  for (const { name, members } of networks) {
    for (const tagged of members.filter((member) => member.vlan !== undefined)) {
      if (!members.some((other) => other.vlan === undefined && other.port === tagged.port)) continue
      findings.push({
        path: tagged.path,
        message: `${name} has ${tagged.port} both untagged and as VLAN ${tagged.vlan}: its frames would loop`,
        fix: 'keep one of the two',
      })
    }
  }
  return findings
}

function nameProblem({ port, vlan, device, path }: Use): Finding[] {
  if (NOT_PORTS.has(port)) {
    return [
      { path, message: `${port} is no network port`, fix: 'name a port that "ip link" lists, like eth0' },
    ]
  }
  const dotted = /^(.+)\.(\d{1,4})$/.exec(port)
  if (dotted && vlan === undefined) {
    const [, parent = '', id = ''] = dotted
    const fix = `write { name: ${parent}, vlan: ${id} } in a network, or "interface: ${parent}" and "vlan: ${id}" in wan`
    return [{ path, message: `${port} is a VLAN and not a port`, fix }]
  }
  if (device.length > 15) {
    const message = `the VLAN's device name ${device} has ${device.length} characters; Linux allows 15`
    return [{ path, message, fix: `rename the port ${port} to something shorter with a systemd.link file` }]
  }
  return []
}
