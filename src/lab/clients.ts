import type { Host } from './host.ts'
import { startService } from './namespaces.ts'
import type { ProcessId } from './process-id.ts'
import { ATTACKER_CABLE, type Client, ROUTER_CABLES, WAN } from './topology.ts'

/** As a person's laptop has it: asks for what it uses, sends its name, takes search domains and routes. */
const dhcpcdConfig = `hostname
clientid
option domain_name_servers, domain_name, domain_search
option classless_static_routes
option interface_mtu
option ntp_servers
require dhcp_server_identifier
slaac hwaddr
noipv4ll
`

/** Plugs a client's port in and starts its DHCP client, which stays and follows the cable. */
export async function startClient(client: Host, root: ProcessId, process: number): Promise<void> {
  await client.writeFile('/etc/dhcpcd.conf', dhcpcdConfig)
  await client.execOk(['ip', 'link', 'set', 'eth0', 'up'])
  await startService(root, process, '/var/log/lab-dhcpcd.log', ['dhcpcd', '-B', 'eth0'])
}

/** Asks the client's DHCP client to begin again, as after unplugging: DISCOVER, not the old address. */
export async function renewClient(client: Host): Promise<void> {
  await client.exec(['dhcpcd', '-n', 'eth0'])
}

/** The attacker has a fixed place on the WAN segment and needs no server. */
export async function setUpAttacker(attacker: Host): Promise<void> {
  const port = ATTACKER_CABLE.near.port
  await attacker.execOk(['sysctl', '-qw', `net.ipv6.conf.${port}.accept_ra=0`])
  await attacker.execOk(['ip', '-batch', '-'], {
    input: `link set ${port} up
address add ${WAN.attacker4}/24 dev ${port}
address add ${WAN.attacker6}/64 dev ${port} nodad
route add default via ${WAN.gateway4}
route add default via ${WAN.gateway6} dev ${port}
`,
  })
  await attacker.writeFile('/etc/resolv.conf', `nameserver ${WAN.resolver4}\n`)
}

/** The cable between the router and this host. */
export function cableOf(host: Client | 'isp'): (typeof ROUTER_CABLES)[number] {
  const cable = ROUTER_CABLES.find(({ far }) => far.host === host)
  if (cable === undefined) throw new Error(`no cable between the router and ${host}`)
  return cable
}
