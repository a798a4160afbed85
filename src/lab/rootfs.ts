import { bootstrap } from '../build/debian.ts'

type Progress = (line: string) => void

/** What a Debian 13 server has after the installer, and what our README asks for: SSH, rsyslog, Docker. */
const ROUTER_PACKAGES = [
  'apparmor',
  'bind9-dnsutils',
  'bzip2',
  'ca-certificates',
  'curl',
  'dbus',
  'docker-cli',
  'docker-compose',
  'docker.io',
  'file',
  'ifupdown',
  'iptables',
  'libpam-systemd',
  'lsof',
  'nftables',
  'openssh-server',
  'ppp',
  'rsyslog',
  'systemd-sysv',
  'systemd-timesyncd',
  'tcpdump',
  'xz-utils',
  'zstd',
]

/** One tree for the provider and all clients, so that tools have the same version on any machine. */
const HOST_PACKAGES = [
  'bind9-dnsutils',
  'ca-certificates',
  'chrony',
  'curl',
  'dhcpcd-base',
  'iperf3',
  'iproute2',
  'iputils-ping',
  'iputils-tracepath',
  'kea-dhcp4-server',
  'kea-dhcp6-server',
  'kmod',
  'ldnsutils',
  'ndisc6',
  'netbase',
  'netcat-openbsd',
  'nftables',
  'nginx',
  'nmap',
  'nsd',
  'openssh-client',
  'ppp',
  'pppoe',
  'procps',
  'python3-scapy',
  'radvd',
  'socat',
  'tcpdump',
  'traceroute',
  'unbound',
]

/**
 * The tree of the router machine: Debian 13 as its installer leaves it, with the first port on ifupdown and DHCP,
 * and nothing of the lab in it. Returns its path.
 */
export function routerRootfs(onProgress?: Progress): Promise<string> {
  return bootstrap(ROUTER_PACKAGES, {
    kind: 'lab-router',
    format: 'directory',
    variant: 'important',
    customize: [
      `printf 'debian\\n' >"$1/etc/hostname"`,
      `printf '127.0.0.1\\tlocalhost\\n127.0.1.1\\tdebian\\n::1\\tlocalhost ip6-localhost ip6-loopback\\nff02::1\\tip6-allnodes\\nff02::2\\tip6-allrouters\\n' >"$1/etc/hosts"`,
      `printf 'source /etc/network/interfaces.d/*\\n\\nauto lo\\niface lo inet loopback\\n\\nauto wan0\\niface wan0 inet dhcp\\n' >"$1/etc/network/interfaces"`,
      // Every machine makes its own at its first boot.
      `printf 'uninitialized\\n' >"$1/etc/machine-id"; rm -f "$1/var/lib/dbus/machine-id" "$1/etc/resolv.conf"`,
      `rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*`,
    ],
    ...(onProgress === undefined ? {} : { onProgress }),
  })
}

/** The tree that the provider, the attacker and the clients share. Returns its path. */
export function hostsRootfs(onProgress?: Progress): Promise<string> {
  return bootstrap(HOST_PACKAGES, {
    kind: 'lab-hosts',
    format: 'directory',
    customize: [`rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1/etc/resolv.conf"`],
    ...(onProgress === undefined ? {} : { onProgress }),
  })
}
