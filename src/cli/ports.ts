import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename, join } from 'node:path'

/** A network port as the kernel shows it in /sys/class/net. */
export interface HostPort {
  readonly name: string
  readonly mac: string
  /** 'unknown' while the port is administratively down: the kernel does not look at the cable then. */
  readonly link: 'up' | 'no cable' | 'unknown'
  /** Megabits per second, when there is a link that knows. */
  readonly speed?: number
  readonly wireless: boolean
  /** The kernel's driver, and the place on the bus, like 0000:01:00.0; virtual ports have neither. */
  readonly driver?: string
  readonly bus?: string
}

/**
 * The Ethernet ports of this machine, by name. Hardware only; where there is none (a container, a virtual
 * machine with virtual links) those that no bridge, VLAN or tunnel of the machine itself made.
 */
export function hostPorts(root = '/sys/class/net'): HostPort[] {
  const names = readdirSync(root)
    .filter((name) => isEthernet(join(root, name)))
    .toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  const hardware = names.filter((name) => existsSync(join(root, name, 'device')))
  return (hardware.length > 0 ? hardware : names).map((name) => portOf(root, name))
}

const ARPHRD_ETHER = '1'

function isEthernet(path: string): boolean {
  // "bonding_masters" is a file among the links.
  if (lstatSync(path).isFile() || read(path, 'type') !== ARPHRD_ETHER) return false
  if (['bridge', 'bonding', 'tun_flags'].some((part) => existsSync(join(path, part)))) return false
  return !/^DEVTYPE=(vlan|bridge|bond|macvlan|vxlan|wwan)$/m.test(read(path, 'uevent'))
}

function portOf(root: string, name: string): HostPort {
  const path = join(root, name)
  const carrier = read(path, 'carrier')
  const speed = Number(read(path, 'speed'))
  const driver = linkName(join(path, 'device/driver'))
  const bus = linkName(join(path, 'device'))
  return {
    name,
    mac: read(path, 'address'),
    link: carrier === '1' ? 'up' : carrier === '0' ? 'no cable' : 'unknown',
    ...(carrier === '1' && speed > 0 && { speed }),
    wireless: existsSync(join(path, 'wireless')) || existsSync(join(path, 'phy80211')),
    ...(driver !== undefined && { driver }),
    ...(bus !== undefined && { bus }),
  }
}

/** The name of what a link of sysfs leads to. */
function linkName(path: string): string | undefined {
  try {
    return basename(readlinkSync(path))
  } catch {
    return undefined
  }
}

/** A file of sysfs; drivers refuse some reads while the port is down. */
function read(path: string, name: string): string {
  try {
    return readFileSync(join(path, name), 'utf8').trim()
  } catch {
    return ''
  }
}
