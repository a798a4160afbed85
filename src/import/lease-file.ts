import { contains, formatIp, type Ip, type Prefix } from '../lib/ip.ts'
import type { OldLease } from './lease-dump.ts'
import type { ReportBook } from './report.ts'

/** The columns of the lease file of Kea 2.6 (memfile, DHCPv4). */
const HEADER =
  'address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id'

const DECLINED = 1

/** Kea's lease file with the leases that lie in a network, under its number; the others are told in the book. */
export function leaseFile(
  leases: readonly OldLease[],
  networks: readonly {
    readonly name: string
    readonly prefix: Prefix
    readonly address: Ip
    readonly subnetId: number
  }[],
  from: string,
  book: ReportBook,
): string {
  const counts = new Map<string, number>()
  const outside: string[] = []
  const rows = leases.flatMap((lease): string[] => {
    const ip: Ip = { version: 4, value: BigInt(lease.address) }
    const network = networks.find(({ prefix, address }) => contains(prefix, ip) && address.value !== ip.value)
    if (!network || lease.state === DECLINED || lease.mac === '') {
      outside.push(formatIp(ip))
      return []
    }
    counts.set(network.name, (counts.get(network.name) ?? 0) + 1)
    const { mac, clientId, lifetimeSecs, expires, hostname, state } = lease
    return [
      [
        formatIp(ip),
        mac,
        clientId,
        lifetimeSecs,
        expires,
        network.subnetId,
        0,
        0,
        hostname,
        state,
        '',
        0,
      ].join(','),
    ]
  })
  for (const [name, count] of counts)
    book.add('carried', from, `${count} leases of ${name}`, "kea's lease file")
  if (outside.length > 0) {
    const why = "the router's own, declined, without a MAC address, or in no network"
    book.add('left', from, `${outside.length} leases: ${outside.slice(0, 5).join(', ')}`, why)
  }
  return `${[HEADER, ...rows].join('\n')}\n`
}
