import type { Lab } from './lab.ts'
import { HOSTS, type HostName } from './topology.ts'

interface HostStatus {
  readonly name: HostName
  readonly state: string
  readonly addresses: readonly string[]
}

interface LabStatus {
  readonly id: string
  readonly checkout: string
  readonly hosts: readonly HostStatus[]
  /** The provider's services that are not running, each with the end of its log. */
  readonly failed: readonly string[]
  /** The release installed on the router. */
  readonly release?: string
}

/** What the lab's hosts are and have now. */
export async function labStatus(lab: Lab): Promise<LabStatus> {
  const on = lab.router.isOn()
  const release = on ? (await lab.router.exec(['readlink', '/opt/sekisho/current'])).stdout.trim() : ''
  return {
    id: lab.places.id,
    checkout: lab.state.checkout,
    hosts: await Promise.all(HOSTS.map((name) => hostStatus(lab, name))),
    failed: await lab.isp.failedServices(),
    ...(release === '' ? {} : { release: release.split('/').at(-1) ?? release }),
  }
}

async function hostStatus(lab: Lab, name: HostName): Promise<HostStatus> {
  if (name === 'router' && !lab.router.isOn()) return { name, state: 'off', addresses: [] }
  const host = lab.host(name)
  const { stdout } = await host.exec(['ip', '-json', 'address', 'show', 'scope', 'global'])
  const links: { ifname: string; addr_info?: { local?: string; prefixlen?: number }[] }[] = JSON.parse(
    stdout || '[]',
  )
  const addresses = links
    .filter(({ ifname }) => ifname !== 'lo')
    .flatMap(({ ifname, addr_info = [] }) =>
      addr_info.filter((a) => a.local).map((a) => `${ifname} ${a.local}/${a.prefixlen}`),
    )
  const state = name === 'router' ? (await host.exec(['systemctl', 'is-system-running'])).stdout.trim() : 'on'
  return { name, state, addresses }
}
