import { prepareZones, restoreZones, type TrustFiles } from './dns-servers.ts'
import { Host } from './host.ts'
import { startService } from './namespaces.ts'
import type { ProcessId } from './process-id.ts'
import { ATTACKER_CABLE, ROUTER_CABLES, SERVERS, WAN } from './topology.ts'

const DHCP4_FILE = '/etc/kea/isp-dhcp4.json'
const DHCP6_FILE = '/etc/kea/isp-dhcp6.json'

/** The provider's services, each one process that can be stopped and started by its name. */
const ISP_SERVICES = {
  'name-server-root': ['nsd', '-d', '-c', '/srv/dns/nsd-root.conf'],
  'name-server-tld': ['nsd', '-d', '-c', '/srv/dns/nsd-tld.conf'],
  'name-server-dns': ['nsd', '-d', '-c', '/srv/dns/nsd-dns.conf'],
  resolver: ['unbound', '-d', '-c', '/srv/dns/resolver.conf'],
  dhcp4: ['env', 'KEA_LOCKFILE_DIR=none', 'KEA_PIDFILE_DIR=/run', 'kea-dhcp4', '-c', DHCP4_FILE],
  dhcp6: ['env', 'KEA_LOCKFILE_DIR=none', 'KEA_PIDFILE_DIR=/run', 'kea-dhcp6', '-c', DHCP6_FILE],
  advertiser: ['radvd', '-n', '-m', 'stderr', '-C', '/etc/radvd-isp.conf', '-p', '/run/radvd-isp.pid'],
  web: ['nginx', '-c', '/etc/nginx/isp.conf', '-g', 'daemon off;'],
  // -x: it serves the clock of this machine and never sets it.
  time: ['chronyd', '-d', '-x', '-f', '/etc/chrony/isp.conf'],
} as const satisfies Record<string, readonly string[]>
export type IspService = keyof typeof ISP_SERVICES

/** What the provider offers the router over DHCP; what is left out is as the lab begins. */
export interface Dhcp4Offer {
  /** The router's address, one of the WAN's prefix. */
  readonly address?: string
  readonly leaseSecs?: number
}

/** What it delegates (RFC 8415 section 6.3). */
export interface Dhcp6Offer {
  /** The /40 that customers' /56 come from. */
  readonly delegated?: string
  /** How long it may be used unless it is renewed; preferred for half of it. */
  readonly leaseSecs?: number
}

/**
 * A fault of the provider while the line stays up: nothing comes or goes (`line`), or its router answers and nothing
 * beyond it does (`beyond`).
 */
export type IspFault = 'line' | 'beyond'

/** The provider: a WAN segment with DHCP, RA and prefix delegation, and the Internet behind it. */
export class Isp extends Host {
  readonly #root: ProcessId
  readonly #process: number

  constructor(root: ProcessId, process: number) {
    super('isp', root, () => process)
    this.#root = root
    this.#process = process
  }

  async startService(name: IspService): Promise<void> {
    const log = `/var/log/lab-${name}.log`
    const pid = await startService(this.#root, this.#process, log, ISP_SERVICES[name])
    await this.writeFile(`/run/lab/${name}.pid`, `${pid}\n`)
  }

  async stopService(name: IspService): Promise<void> {
    const stop = 'read -r pid <"$1" && kill "$pid" && while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done'
    await this.exec(['bash', '-c', stop, 'stop', `/run/lab/${name}.pid`], { timeout: 10_000 })
  }

  /** Restarts DHCP with another offer. The leases are forgotten: what does not fit any more is refused when renewed. */
  async offer4(offer: Dhcp4Offer = {}): Promise<void> {
    await this.#reconfigure('dhcp4', DHCP4_FILE, dhcp4Config(offer))
  }

  async offer6(offer: Dhcp6Offer = {}): Promise<void> {
    await this.#reconfigure('dhcp6', DHCP6_FILE, dhcp6Config(offer))
  }

  async #reconfigure(service: 'dhcp4' | 'dhcp6', file: string, config: object): Promise<void> {
    await this.writeFile(file, JSON.stringify(config, null, 2))
    if (await this.#runs(service)) await this.stopService(service)
    await this.writeFile(`/var/log/lab-${service}.log`, '')
    await this.startService(service)
    // A request that comes before it serves is lost, and the next one comes a minute later.
    const serves = 'until grep -q _STARTED "$1"; do sleep 0.05; done'
    await this.execOk(['sh', '-c', serves, 'serves', `/var/log/lab-${service}.log`], { timeout: 20_000 })
  }

  /** Begins a fault, or ends whichever there is. */
  async setFault(fault: IspFault | undefined): Promise<void> {
    const drop = `{ ${Object.values(SERVERS)
      .map(({ v4 }) => v4)
      .join(', ')}, ${WAN.resolver4} }`
    const drop6 = `{ ${Object.values(SERVERS)
      .map(({ v6 }) => v6)
      .join(', ')}, ${WAN.resolver6} }`
    const beyond = `table inet lab_fault {
  chain in {
    type filter hook prerouting priority raw
    iifname "${WAN.bridge}" ip daddr ${drop} drop
    iifname "${WAN.bridge}" ip6 daddr ${drop6} drop
  }
}
`
    const fresh = 'table inet lab_fault\ndelete table inet lab_fault\n'
    await this.execOk(['nft', '-f', '-'], { input: fault === 'beyond' ? fresh + beyond : fresh })
    // A bridge port that is disabled takes no frame and keeps its carrier.
    const state = fault === 'line' ? '0' : '3'
    await this.execOk(['bridge', 'link', 'set', 'dev', ROUTER_CABLES[0].far.port, 'state', state])
  }

  async #runs(name: IspService): Promise<boolean> {
    const { code } = await this.exec([
      'sh',
      '-c',
      'kill -0 "$(cat "$1")" 2>/dev/null',
      'runs',
      `/run/lab/${name}.pid`,
    ])
    return code === 0
  }

  /** Names of services that are not running, with the last line of their log. */
  async failedServices(): Promise<string[]> {
    const look =
      'for name; do kill -0 "$(cat "/run/lab/$name.pid")" 2>/dev/null || echo "$name: $(tail -n 1 "/var/log/lab-$name.log")"; done'
    const said = await this.execOk(['bash', '-c', look, 'look', ...Object.keys(ISP_SERVICES)])
    return said.split('\n').filter((line) => line !== '')
  }
}

/**
 * Sets up addresses, writes every configuration and starts all services; `zones` is an archive of zones that were signed
 * before. Returns the signed root's files.
 */
export async function setUpIsp(isp: Isp, zones?: string): Promise<TrustFiles> {
  // Its addresses serve at once: nobody else has them.
  const sysctls = [
    'net.ipv4.ip_forward=1',
    'net.ipv6.conf.all.forwarding=1',
    'net.ipv6.conf.default.accept_dad=0',
  ]
  await isp.execOk(['sysctl', '-qw', ...sysctls])
  await isp.execOk(['ip', '-batch', '-'], { input: linkCommands() })
  const trust = await (zones === undefined ? prepareZones(isp) : restoreZones(isp, zones))
  await isp.writeFile(DHCP4_FILE, JSON.stringify(dhcp4Config(), null, 2))
  await isp.writeFile(DHCP6_FILE, JSON.stringify(dhcp6Config(), null, 2))
  await isp.writeFile(ROUTE_SCRIPT, routeScript, '0755')
  await isp.writeFile('/etc/radvd-isp.conf', radvdConfig())
  await isp.writeFile('/etc/nginx/isp.conf', webConfig())
  await isp.writeFile(
    '/etc/chrony/isp.conf',
    'local stratum 1\nallow\ncmdport 0\npidfile /run/chronyd-isp.pid\n',
  )
  await isp.execOk([
    'sh',
    '-c',
    'mkdir -p /run/lab /run/kea /var/lib/kea /var/lib/nsd /srv/www && chown nsd:nsd /var/lib/nsd && truncate -s 1G /srv/www/big',
  ])
  for (const name of Object.keys(ISP_SERVICES) as IspService[]) await isp.startService(name)
  return trust
}

function linkCommands(): string {
  const bridge = WAN.bridge
  const ports = [ROUTER_CABLES[0].far.port, ATTACKER_CABLE.far.port]
  return [
    `link add ${bridge} address 02:00:5e:20:00:ff type bridge forward_delay 0`,
    ...ports.flatMap((port) => [`link set ${port} master ${bridge} addrgenmode none`, `link set ${port} up`]),
    `link set ${bridge} up`,
    `address add ${WAN.gateway4}/24 dev ${bridge}`,
    `address add ${WAN.resolver4}/24 dev ${bridge}`,
    `address add ${WAN.gateway6}/64 dev ${bridge} nodad`,
    `address add ${WAN.resolver6}/64 dev ${bridge} nodad`,
    ...Object.values(SERVERS).flatMap(({ v4, v6 }) => [
      `address add ${v4}/32 dev lo`,
      `address add ${v6}/128 dev lo nodad`,
    ]),
    '',
  ].join('\n')
}

/** Without it kea gives up for good on a link that is not ready when it starts. */
const RETRY = { 'service-sockets-max-retries': 1000, 'service-sockets-retry-wait-time': 500 }

function dhcp4Config({ address = WAN.router4, leaseSecs = 3600 }: Dhcp4Offer = {}): object {
  return {
    Dhcp4: {
      'interfaces-config': { interfaces: [WAN.bridge], ...RETRY },
      'lease-database': { type: 'memfile', persist: false },
      'valid-lifetime': leaseSecs,
      'renew-timer': Math.floor(leaseSecs / 2),
      'rebind-timer': Math.floor((leaseSecs * 7) / 8),
      authoritative: true,
      // One customer, one line: a new DHCP client on the same port gets the same address.
      'match-client-id': false,
      subnet4: [
        {
          id: 1,
          subnet: WAN.prefix4,
          pools: [{ pool: '198.51.100.20 - 198.51.100.50' }],
          reservations: [
            { 'hw-address': ROUTER_CABLES[0].near.mac, 'ip-address': address },
            { 'hw-address': ATTACKER_CABLE.near.mac, 'ip-address': WAN.attacker4 },
          ],
          'option-data': [
            { name: 'routers', data: WAN.gateway4 },
            { name: 'domain-name-servers', data: WAN.resolver4 },
            { name: 'ntp-servers', data: SERVERS.ntp.v4 },
          ],
        },
      ],
      loggers: [{ name: 'kea-dhcp4', 'output-options': [{ output: 'stdout' }], severity: 'INFO' }],
    },
  }
}

const ROUTE_SCRIPT = '/usr/share/kea/scripts/route-delegated-prefix.sh'

/** A real provider routes what it delegates; kea only hands it out, so its hook does the routing. */
const routeScript = `#!/bin/bash
# Runs for every DHCPv6 hook point; of interest is the one with committed leases (RFC 8415 section 6.3).
PATH=/usr/sbin:/usr/bin:/sbin:/bin
[ "$1" = leases6_committed ] || exit 0
for ((i = 0; i < \${LEASES6_SIZE:-0}; i++)); do
  type=LEASES6_AT\${i}_TYPE prefix=LEASES6_AT\${i}_ADDRESS length=LEASES6_AT\${i}_PREFIX_LEN
  [ "\${!type}" = IA_PD ] || continue
  ip -6 route replace "\${!prefix}/\${!length}" via "$QUERY6_REMOTE_ADDR" dev ${WAN.bridge}
done
`

function dhcp6Config({ delegated = WAN.delegated6, leaseSecs = 7200 }: Dhcp6Offer = {}): object {
  return {
    Dhcp6: {
      'interfaces-config': { interfaces: [WAN.bridge], ...RETRY },
      'lease-database': { type: 'memfile', persist: false },
      'preferred-lifetime': Math.floor(leaseSecs / 2),
      'valid-lifetime': leaseSecs,
      'renew-timer': Math.floor(leaseSecs / 4),
      'rebind-timer': Math.floor(leaseSecs * 0.4),
      'hooks-libraries': [
        {
          library: 'libdhcp_run_script.so',
          parameters: { name: ROUTE_SCRIPT, sync: false },
        },
      ],
      subnet6: [
        {
          id: 1,
          subnet: WAN.prefix6,
          interface: WAN.bridge,
          pools: [{ pool: '2001:db8:0:1::1000 - 2001:db8:0:1::1fff' }],
          'pd-pools': [{ prefix: delegated, 'prefix-len': 40, 'delegated-len': 56 }],
          'option-data': [{ name: 'dns-servers', data: WAN.resolver6 }],
        },
      ],
      loggers: [{ name: 'kea-dhcp6', 'output-options': [{ output: 'stdout' }], severity: 'INFO' }],
    },
  }
}

function radvdConfig(): string {
  return `interface ${WAN.bridge} {
  AdvSendAdvert on;
  MinRtrAdvInterval 5;
  MaxRtrAdvInterval 20;
  AdvManagedFlag on;
  AdvOtherConfigFlag on;
  AdvDefaultLifetime 1800;
  prefix ${WAN.prefix6} { AdvOnLink on; AdvAutonomous on; };
  RDNSS ${WAN.resolver6} {};
};
`
}

function webConfig(): string {
  const site = (name: string, { v4, v6 }: { v4: string; v6: string }) => `
  server {
    listen ${v4}:80;
    listen [${v6}]:80 ipv6only=on;
    default_type text/plain;
    location = / { return 200 "This is ${name} at $server_addr. You are $remote_addr.\\n"; }
    location = /big { root /srv/www; }
  }`
  return `user www-data;
worker_processes 1;
pid /run/nginx-isp.pid;
error_log stderr;
events {}
http {
  access_log off;${site('www.example.org', SERVERS.www)}${site('www.example.net', SERVERS.www2)}
}
`
}
