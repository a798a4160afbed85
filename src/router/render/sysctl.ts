import type { Router } from '../model.ts'
import { generatedHeader } from './header.ts'

/**
 * What lets packets through; set by sekisho-firewall.service after its table is loaded and by nobody before,
 * so that there is no moment in which an open router forwards.
 */
export const FORWARDING_SYSCTLS = {
  'net.ipv4.ip_forward': '1',
  'net.ipv6.conf.all.forwarding': '1',
} as const

/**
 * Text of a modules-load.d file: the net.netfilter and net.bridge keys exist only once their module is there, and
 * systemd-sysctl.service starts after systemd-modules-load.service. Docker would load br_netfilter later, with its
 * keys as the kernel has them.
 */
export function renderModulesLoad({ wan }: Router): string {
  return `${generatedHeader('core')}nf_conntrack\nbr_netfilter\n${wan.config.mode === 'pppoe' ? 'pppoe\n' : ''}`
}

interface Setting {
  readonly key: string
  readonly value: number
  /** May be missing: only the first network namespace has it, or a kernel with a module that others load. */
  readonly optional?: true
}

const SECTIONS: readonly { readonly why: string; readonly settings: readonly Setting[] }[] = [
  {
    why: `Reverse path: loose (2). The table drops spoofed sources by itself, strictly, counted and recorded; strict
here (1) would do so in silence, before the table sees the packet, and would break a second way out later.`,
    settings: [
      { key: 'net.ipv4.conf.all.rp_filter', value: 2 },
      { key: 'net.ipv4.conf.default.rp_filter', value: 2 },
    ],
  },
  {
    why: "Router advertisements are systemd-networkd's business, on the WAN alone; the kernel listens to none.",
    settings: [{ key: 'net.ipv6.conf.*.accept_ra', value: 0 }],
  },
  {
    why: `A router takes no redirects and no source routes, and sends no redirects: a hairpin flow must go on through
it. Martians are counted by the table; the kernel's log lines would only fill the disk.`,
    settings: [
      { key: 'net.ipv4.conf.*.accept_redirects', value: 0 },
      { key: 'net.ipv4.conf.*.secure_redirects', value: 0 },
      { key: 'net.ipv4.conf.*.send_redirects', value: 0 },
      { key: 'net.ipv4.conf.*.accept_source_route', value: 0 },
      { key: 'net.ipv4.conf.*.log_martians', value: 0 },
      { key: 'net.ipv6.conf.*.accept_redirects', value: 0 },
      { key: 'net.ipv6.conf.*.accept_source_route', value: 0 },
    ],
  },
  {
    why: `Frames within a bridge are no business of the table (which lets them pass either way), nor of the table of
flows. With 1, which br_netfilter brings along and Docker loads it, the kernel bridges a frame whose translated
target is on the same bridge: a host would not reach itself by a port forward; and a reset refuses a translated
flow in the wrong name. Docker sets 1 itself for those who switch its inter-container traffic off. ("-": the keys
come with the module, which a container has none of.)`,
    settings: [
      { key: 'net.bridge.bridge-nf-call-iptables', value: 0, optional: true },
      { key: 'net.bridge.bridge-nf-call-ip6tables', value: 0, optional: true },
    ],
  },
  {
    why: 'Flow records need bytes and packets of every flow, and when it began.',
    settings: [
      { key: 'net.netfilter.nf_conntrack_acct', value: 1 },
      { key: 'net.netfilter.nf_conntrack_timestamp', value: 1 },
    ],
  },
  {
    why: `How long a silent flow is remembered, in seconds. TCP: RFC 5382 REC-5 wants 2 h 4 min at least, and the
kernel's five days fill the table. UDP: RFC 4787 REC-5, 2 min at least and 5 min for a conversation.
ICMP: RFC 5508 REC-2.`,
    settings: [
      { key: 'net.netfilter.nf_conntrack_tcp_timeout_established', value: 7440 },
      { key: 'net.netfilter.nf_conntrack_udp_timeout', value: 120 },
      { key: 'net.netfilter.nf_conntrack_udp_timeout_stream', value: 300 },
      { key: 'net.netfilter.nf_conntrack_icmp_timeout', value: 60 },
      { key: 'net.netfilter.nf_conntrack_icmpv6_timeout', value: 60 },
    ],
  },
  {
    why: `A segment outside the window belongs to no flow: the table drops it. (1 would pass it on.) A flow that is
already under way when the router starts is picked up.`,
    settings: [
      { key: 'net.netfilter.nf_conntrack_tcp_be_liberal', value: 0 },
      { key: 'net.netfilter.nf_conntrack_tcp_loose', value: 1 },
    ],
  },
  {
    why: `Room for flows: about 320 bytes each, so 84 MB when full, and a hash chain of four. Only the first network
namespace may set these ("-": elsewhere the machine's own limits hold).`,
    settings: [
      { key: 'net.netfilter.nf_conntrack_max', value: 262144, optional: true },
      { key: 'net.netfilter.nf_conntrack_buckets', value: 65536, optional: true },
    ],
  },
]

/** A port that carries PPPoE alone has no address, and says nothing of those of other links either (RFC 826). */
function silentPort({ config, member }: Router['wan']): typeof SECTIONS {
  if (config.mode !== 'pppoe') return []
  const why = 'The port below the PPPoE session answers no question for an address.'
  return [{ why, settings: [{ key: `net/ipv4/conf/${member.device}/arp_ignore`, value: 8, optional: true }] }]
}

/** Text of the sysctl.d file. Forwarding is not in it: see FORWARDING_SYSCTLS. */
export function renderSysctl({ wan }: Router): string {
  const sections = [...SECTIONS, ...silentPort(wan)].map(({ why, settings }) => {
    const comment = why.split('\n').map((line) => `# ${line}`)
    const lines = settings.map(({ key, value, optional }) => `${optional ? '-' : ''}${key} = ${value}`)
    return [...comment, ...lines].join('\n')
  })
  return `${generatedHeader('core')}\n${sections.join('\n\n')}\n`
}
