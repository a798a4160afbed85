/** Packets on a device since it came up, each way and by IP version; ARP counts as IPv4. */
export interface WanCounters {
  readonly sent4: number
  readonly received4: number
  readonly sent6: number
  readonly received6: number
}

/**
 * From /proc/net/dev and /proc/net/dev_snmp6/DEVICE (RFC 4293's counters of one interface); zero for what they do not
 * say. Of IPv6 what goes to groups is left out: advertisements come, and reports go, whether or not anybody answers.
 */
export function wanCounters(dev: string, snmp6: string, device: string): WanCounters {
  const line = dev.split('\n').find((one) => one.trim().startsWith(`${device}:`)) ?? ''
  const fields = line
    .slice(line.indexOf(':') + 1)
    .trim()
    .split(/\s+/)
    .map(Number)
  const named = new Map(snmp6.split('\n').map((one) => one.split(/\s+/) as [string, string]))
  const count = (name: string) => natural(Number(named.get(name)))
  const transmits = named.has('Ip6OutTransmits')
    ? count('Ip6OutTransmits')
    : count('Ip6OutRequests') + count('Ip6OutForwDatagrams')
  return {
    received4: Math.max(natural(fields[1]) - count('Ip6InReceives'), 0),
    sent4: Math.max(natural(fields[9]) - transmits, 0),
    received6: Math.max(count('Ip6InReceives') - count('Ip6InMcastPkts'), 0),
    sent6: Math.max(transmits - count('Ip6OutMcastPkts'), 0),
  }
}

function natural(value: number | undefined): number {
  return value !== undefined && Number.isSafeInteger(value) && value > 0 ? value : 0
}

/** Whether /proc/net/arp has the address on the device as one that did not answer. */
export function arpFailed(table: string, address: string, device: string): boolean {
  return table.split('\n').some((line) => {
    const [ip, , flags = '', , , name] = line.trim().split(/\s+/)
    // Neither complete nor permanent: ATF_COM and ATF_PERM of linux/if_arp.h.
    return ip === address && name === device && (Number.parseInt(flags, 16) & 0x6) === 0
  })
}
