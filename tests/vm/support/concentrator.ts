import type { Lab } from '../../../src/lab/lab.ts'
import { WAN } from '../../../src/lab/topology.ts'
import type { Bras } from '../../../src/lab/vm/bras.ts'

/** What a customer of the access concentrator is given; the password holds what shells and option files take for signs. */
export const CUSTOMER = {
  username: 'customer "7"\\@isp.example',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: hostile on purpose
  password: 'pa"ss\\ $x`id` #1 ${HOME}',
  addresses: '192.0.2.0/24',
  first: '192.0.2.10',
  peer: '192.0.2.1',
  delegated: '2001:db8:200::/56',
} as const

/** The concentrator's own addresses on the provider's segment. */
const NET = { v4: '198.51.100.9', v6: '2001:db8:0:1::9' } as const

const OPTIONS = `require-chap
name bras
ms-dns ${WAN.resolver4}
lcp-echo-interval 5
lcp-echo-failure 3
noccp
novj
+ipv6
`

/**
 * What a session brings for IPv6: advertisements without a prefix, and a delegated one, as RFC 7084 has it. kea takes the
 * far end's address of a point-to-point link for its own, so the link has a further one.
 */
const IPV6_UP = `#!/bin/bash
exec 9>/run/ipv6-up.lock
flock 9
{ kill "$(cat /run/radvd.pid)"; kill "$(cat /run/kea/kea6.kea-dhcp6.pid)"; } 2>/dev/null
ip -6 address add fe80::1/64 dev "$PPP_IFACE" nodad
ip -6 route replace ${CUSTOMER.delegated} dev "$PPP_IFACE"
cat >/run/radvd.conf <<END
interface $PPP_IFACE { AdvSendAdvert on; AdvManagedFlag on; MinRtrAdvInterval 3; MaxRtrAdvInterval 5; };
END
cat >/run/kea6.conf <<END
{ "Dhcp6": {
  "interfaces-config": { "interfaces": ["$PPP_IFACE"] },
  "lease-database": { "type": "memfile", "persist": false },
  "server-id": { "type": "EN", "enterprise-id": 32473, "identifier": "01", "persist": false },
  "subnet6": [{ "id": 1, "subnet": "${WAN.prefix6}", "interface": "$PPP_IFACE",
    "pd-pools": [{ "prefix": "2001:db8:200::", "prefix-len": 56, "delegated-len": 56 }] }],
  "loggers": [{ "name": "kea-dhcp6", "severity": "INFO", "output_options": [{ "output": "stdout" }] }]
} }
END
radvd -C /run/radvd.conf -p /run/radvd.pid -m logfile -l /var/log/radvd.log 9>&-
KEA_LOCKFILE_DIR=none KEA_PIDFILE_DIR=/run/kea setsid kea-dhcp6 -c /run/kea6.conf >/var/log/kea6.log 2>&1 </dev/null 9>&- &
`

/** Makes an access concentrator of the small machine: a real pppoe-server, with IPv6 behind it, routed by the provider. */
export async function startConcentrator(lab: Lab, bras: Bras): Promise<void> {
  const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`
  const secret = `${quoted(CUSTOMER.username)} * ${quoted(CUSTOMER.password)} *\n`
  await bras.writeFile('/etc/ppp/options', '')
  await bras.writeFile('/etc/ppp/chap-secrets', secret)
  await bras.writeFile('/etc/ppp/server-options', OPTIONS)
  await bras.writeFile('/etc/ppp/ipv6-up.d/lab', IPV6_UP, '0755')
  const serve = `set -e
modprobe pppoe
mkdir -p /run/kea
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip link set line up
ip link set net up
ip address add ${NET.v4}/24 dev net
ip -6 address add ${NET.v6}/64 dev net nodad
ip route add default via ${WAN.gateway4}
ip -6 route add default via ${WAN.gateway6}
exec pppoe-server -I line -C bras -L ${CUSTOMER.peer} -R ${CUSTOMER.first} -O /etc/ppp/server-options`
  await bras.execOk(['sh', '-c', serve])
  await lab.isp.execOk(['ip', 'route', 'replace', CUSTOMER.addresses, 'via', NET.v4])
  await lab.isp.execOk(['ip', '-6', 'route', 'replace', CUSTOMER.delegated, 'via', NET.v6])
}

/** The provider forgets the way to the concentrator's customers. */
export async function forgetConcentrator(lab: Lab): Promise<void> {
  await lab.isp.exec(['ip', 'route', 'delete', CUSTOMER.addresses])
  await lab.isp.exec(['ip', '-6', 'route', 'delete', CUSTOMER.delegated])
}
