import type { ModuleOutput } from '../router/module.ts'

/**
 * What Docker will add for the ports that modules publish, in the places of its iptables rules (destination NAT at
 * -100, its filter at 0): without it no packet would reach a container of the twin.
 */
export function dockerRules(
  outputs: ReadonlyMap<string, ModuleOutput>,
  device: string,
  container: string,
  pool: string,
): string {
  const published = [...outputs.values()].flatMap(({ services }) =>
    services.flatMap(({ publish = [] }) => publish),
  )
  const translations = published.map(
    ({ protocol, port, target }) =>
      `    fib daddr type local iifname != "${device}" ${protocol} dport ${port} dnat to ${container}:${target}`,
  )
  const accepted = published.map(
    ({ protocol, target }) =>
      `    iifname != "${device}" oifname "${device}" ip daddr ${container} ${protocol} dport ${target} accept`,
  )
  return `table ip docker {
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
${translations.join('\n')}
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    oifname "${device}" ct state established,related accept
    iifname "${device}" accept
${accepted.join('\n')}
    oifname "${device}" drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${pool} oifname != "${device}" masquerade
  }
}
`
}
