import type { Host } from '../../../src/lab/host.ts'
import { MODULES } from '../../../src/modules.ts'

/** What of a router machine must be the same again after a change was taken back, each part as sorted lines. */
export interface MachineState {
  /** Every file, link and folder outside kept data: path, mode, owner, and hash or target. */
  readonly files: readonly string[]
  /** Kept history, seen through `current`: what the generation in use consists of, if there is one. */
  readonly generation: readonly string[]
  readonly ruleset: string
  /** `docker ps -a` without ages: id, image, command, ports, name. */
  readonly containers: readonly string[]
  readonly dockerNetworks: readonly string[]
  /** Images by name and id, but for those of kept generations; and volumes. */
  readonly dockerStore: readonly string[]
  readonly units: readonly string[]
  readonly sysctls: readonly string[]
  readonly links: readonly string[]
  readonly addresses: readonly string[]
  readonly routes: readonly string[]
  readonly sockets: readonly string[]
}

/** Folders with what is meant to grow, or is another program's business. */
const PRUNED = [
  '/proc',
  '/sys',
  '/dev',
  '/tmp',
  '/var/tmp',
  '/var/log',
  // Copies that dpkg's timer makes each midnight, also when another time zone has one now.
  '/var/backups',
  '/var/lib/docker',
  '/var/lib/containerd',
  // Compiled code of the agent, made again at will.
  '/var/cache/sekisho',
  '/run/docker',
  '/run/containerd',
  '/run/systemd',
  '/run/udev',
  '/run/log',
  '/run/host',
  // A status in the midst of being replaced.
  '/run/sekisho/*/*.json.tmp',
  '/run/sekisho/*/*.json.new',
  // The history, ten generations of it, and the data of modules.
  '/etc/sekisho/generations',
  '/var/lib/sekisho',
]

/** One line for each path. What nobody should ever write into is judged by size and time, the rest by content. */
const FILES = `
set -eu
prune=$1
eval "find /usr /opt $prune ! -type d -printf '%p %y %m %U:%G %s %T@ %l\\n'"
eval "find / $prune -path /usr -prune -o -path /opt -prune -o ! -type d -printf '%p %y %m %U:%G %l\\n'"
eval "find / $prune -type d -printf '%p %y %m %U:%G\\n'"
eval "find /etc /root /home /srv /var $prune -type f -print0" | xargs -0 sha256sum | sed -E 's/^([^ ]+)  (.*)/\\2 \\1/'
`

/** Images but for those that a kept generation names: to go back to it must need no network. */
const STORE = `
cat /etc/sekisho/generations/*/compose.yaml 2>/dev/null | sed -n 's/^ *image: "\\(.*\\)"$/\\1/p' >/tmp/kept-images
docker image ls --format '{{.Repository}}:{{.Tag}} {{.ID}}' | while read -r name id; do
  grep -qxF "$name" /tmp/kept-images || echo "$name $id"
done
docker volume ls --quiet
`

/** The numbers of generations grow whatever they hold. */
const GENERATION = /^(\/etc\/sekisho\/(?:current|confirmed) l .* )generations\/\d+$/

/**
 * networkd makes the route of the delegated prefix when it gets it, and drops it when any link is reconfigured; the
 * agent has one there meanwhile.
 */
const FLEETING = /^unreachable .* (proto dhcp|proto static metric 4096) /

/** Looks at the whole machine, once its addresses are settled; some seconds. */
export async function machineState(router: Host): Promise<MachineState> {
  const settled =
    'for i in $(seq 50); do [ -z "$(ip -6 address show tentative)" ] && exit; sleep 0.2; done; exit 1'
  await router.execOk(['bash', '-c', settled])
  const prune = `\\( ${PRUNED.map((path) => `-path '${path}'`).join(' -o ')} \\) -prune -o`
  const run = async (...argv: string[]) =>
    (await router.execOk(argv)).split('\n').filter((line) => line !== '')
  const generation = `test -e /etc/sekisho/current || exit 0; cd /etc/sekisho/current/ && find . -type f ! -name live.json ! -name meta.json -print0 | xargs -0 sha256sum`
  const ps = '{{.ID}} {{.Image}} {{.Command}} {{.Ports}} {{.Names}}'
  const [
    files,
    generated,
    ruleset,
    containers,
    networks,
    store,
    units,
    sysctls,
    links,
    addresses,
    routes,
    sockets,
  ] = await Promise.all([
    run('bash', '-c', FILES, 'files', prune),
    run('sh', '-c', generation),
    run('nft', '--stateless', 'list', 'ruleset'),
    run('docker', 'ps', '--all', '--format', ps),
    run('docker', 'network', 'ls', '--format', '{{.ID}} {{.Name}}'),
    run('sh', '-c', STORE),
    run('systemctl', 'list-unit-files', '--no-legend', '--no-pager'),
    run('sh', '-c', 'sysctl --all 2>/dev/null'),
    run('sh', '-c', "ip -o link | sed -E 's/^[0-9]+: //; s/@if[0-9]+//; s/ link-netnsid [0-9]+//'"),
    run('sh', '-c', "ip -o address | sed -E 's/^[0-9]+: //; s/ +valid_lft.*//'"),
    run('sh', '-c', 'ip rule; ip -6 rule; ip route show table all; ip -6 route show table all'),
    run('sh', '-c', "ss -Hlntu | awk '{ print $1, $5 }'"),
  ])
  return {
    files: files.map((line) => line.replace(GENERATION, '$1generations/N')).sort(),
    generation: generated.sort(),
    ruleset: ruleset.filter((line) => !/^# Warning: table .* is managed by/.test(line)).join('\n'),
    containers: containers.sort(),
    dockerNetworks: networks.sort(),
    dockerStore: store.sort(),
    units: units.map((line) => line.trim().replaceAll(/ +/g, ' ')).sort(),
    sysctls: lasting(sysctls)
      .filter((line) => line.startsWith('net.') && !/nf_conntrack_count/.test(line))
      .sort(),
    links: lasting(links).sort(),
    addresses: lasting(addresses).sort(),
    routes: lasting(routes)
      .filter((line) => !FLEETING.test(line))
      .map((line) => line.replaceAll(/ expires \d+sec| nhid \d+/g, '').trim())
      .sort(),
    sockets: [...new Set(sockets)]
      .filter((line) => !/:(3[2-9]|[4-6]\d)\d{3}$/.test(line))
      // networkd's DHCPv6 client has the link-local address that was there first, another program's too.
      .map((line) => line.replace(/\[fe80:[^\]]*\](%\S+:546)$/, '[fe80::]$1'))
      .sort(),
  }
}

/** Without the ports of containers, which have a name of their own each time. */
function lasting(lines: readonly string[]): string[] {
  return lines.filter((line) => !/\bveth[0-9a-f]{7}\b/.test(line))
}

/** What differs between two looks, in words: one line for each line that went ("-") or came ("+"). */
export function stateDiff(before: MachineState, after: MachineState): string[] {
  return (Object.keys(before) as (keyof MachineState)[]).flatMap((part) => {
    const one = new Set(linesOf(before[part]))
    const two = new Set(linesOf(after[part]))
    const gone = [...one].filter((line) => !two.has(line)).map((line) => `${part}: - ${line}`)
    const come = [...two].filter((line) => !one.has(line)).map((line) => `${part}: + ${line}`)
    return [...gone, ...come]
  })
}

function linesOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? value.split('\n') : value
}

/**
 * Whether a line of stateDiff is about something else than the image of a module that router.yaml does not name: that
 * comes with the others of its release, and goes when generations are tidied. That it is gone leaves nothing behind.
 */
export function isNoSpareImage(line: string): boolean {
  const spare = MODULES.filter(({ extra }) => extra).map(({ name }) => name)
  return !spare.some((name) => line.startsWith(`dockerStore: - sekisho/${name}:`))
}
