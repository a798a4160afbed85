import type { Host } from '../host.ts'
import type { Listen } from '../module.ts'
import { sharesNetwork } from '../process-network.ts'
import { withoutDevices } from './ifupdown.ts'
import { policyFindings } from './policy.ts'
import { pppdBlockers } from './pppd.ts'
import type { TakeoverAction } from './takeover.ts'
import { readTakeover, TAKEOVER_SAVED } from './takeover.ts'

export interface TakeoverQuery {
  /** Devices that our networkd files match. */
  readonly devices: ReadonlySet<string>
  /** What our services on the host's network bind. */
  readonly listens: readonly Listen[]
  /** Whether there is any container to run. */
  readonly docker: boolean
  /** Ids of our own containers, whose sockets are no conflict. */
  readonly ownContainers: ReadonlySet<string> | Promise<ReadonlySet<string>>
}

export interface TakeoverFindings {
  readonly actions: readonly TakeoverAction[]
  /** What was set aside for a port that nothing of ours serves any more. */
  readonly lapsed: readonly TakeoverAction[]
  /** What we cannot set aside ourselves, each with what to do. */
  readonly blockers: readonly string[]
}

/** Units that configure links, filters or resolvers behind our back. */
const RIVALS: Readonly<Record<string, string>> = {
  'NetworkManager.service': 'it would configure our ports as well',
  'NetworkManager-wait-online.service': 'it waits for NetworkManager',
  'connman.service': 'it would configure our ports as well',
  'dhcpcd.service': 'it would configure our ports as well',
  'ufw.service': 'its rules would drop what ours let through',
  'firewalld.service': 'its rules would drop what ours let through',
  'nftables.service': 'it flushes every rule when it starts, stops or reloads, ours and those of Docker too',
  'netfilter-persistent.service': 'its rules would drop what ours let through',
  'systemd-resolved.service': 'its stub holds port 53, and it writes resolv.conf',
}

/** Units that serve what a module of ours serves, by port. */
const SERVERS: Readonly<Record<number, readonly string[]>> = {
  53: ['dnsmasq', 'named', 'bind9', 'unbound', 'pdns-recursor', 'knot-resolver', 'kresd@1'],
  67: ['isc-dhcp-server', 'kea-dhcp4-server', 'dnsmasq', 'udhcpd'],
  123: ['systemd-timesyncd', 'chrony', 'chronyd', 'ntp', 'ntpsec', 'ntpd', 'openntpd'],
}

/** Lists what would fight us on this machine. Nothing is changed. */
export async function detectTakeover(host: Host, query: TakeoverQuery): Promise<TakeoverFindings> {
  // Each waits for programs or for the disk: together they take as long as the slowest.
  const [{ actions: units, blockers }, ...others] = await Promise.all([
    unitActions(host, query),
    ifupdownActions(host, query.devices),
    netplanActions(host),
    networkdFileActions(host, query.devices),
    clientActions(host, query.devices),
  ])
  const leaving = units.flatMap((unit) => (unit.kind === 'disable-unit' && unit.wasActive ? [unit.unit] : []))
  const [sockets, policies] = await Promise.all([
    socketBlockers(host, query, units),
    policyFindings(host, new Set(leaving)),
  ])
  const actions = [...others.flat(), ...units, ...policies.actions]
  return {
    actions,
    lapsed: await lapsedActions(host, query),
    blockers: [...blockers, ...sockets, ...policies.blockers, ...(await pppdBlockers(host, query.devices))],
  }
}

async function lapsedActions(host: Host, { listens }: TakeoverQuery): Promise<TakeoverAction[]> {
  const rivals = new Set([...Object.keys(RIVALS), ...serversOf(listens).map(([unit]) => unit)])
  return (await readTakeover(host)).filter(
    (action) => action.kind === 'disable-unit' && !rivals.has(action.unit),
  )
}

function serversOf(listens: readonly Listen[]): (readonly [unit: string, why: string])[] {
  const ports = new Set(listens.map((listen) => listen.port))
  return Object.entries(SERVERS)
    .filter(([port]) => ports.has(Number(port)))
    .flatMap(([port, names]) =>
      names.map((name) => [`${name}.service`, `a module of ours serves port ${port}`] as const),
    )
}

interface UnitState {
  readonly load: string
  readonly active: boolean
  readonly enabled: boolean
  /** Units that start this one. */
  readonly triggers: readonly string[]
}

async function unitActions(
  host: Host,
  { listens, docker }: TakeoverQuery,
): Promise<Pick<TakeoverFindings, 'actions' | 'blockers'>> {
  const rivals = new Map([...Object.entries(RIVALS), ...serversOf(listens)])
  const needed = new Map([
    ['systemd-networkd.service', 'it configures the ports from now on'],
    ...(docker ? ([['docker.service', 'the services run in it']] as const) : []),
  ])
  const states = await unitStates(host, [...rivals.keys(), ...needed.keys()])
  const triggers = await unitStates(
    host,
    [...states.values()].flatMap((state) => state.triggers),
  )
  const common = (unit: string, { enabled, active, ...state }: UnitState, withActive: boolean) => {
    const chosen = state.triggers.filter((name) => triggers.get(name)?.active === withActive)
    return {
      unit,
      wasEnabled: enabled,
      wasActive: active,
      ...(chosen.length > 0 && { triggers: chosen }),
    }
  }
  const disable = [...rivals].flatMap(([unit, why]): TakeoverAction[] => {
    const state = states.get(unit)
    if (state?.load !== 'loaded' || !(state.active || state.enabled)) return []
    return [{ kind: 'disable-unit', ...common(unit, state, true), why }]
  })
  const enable = [...needed].flatMap(([unit, why]): TakeoverAction[] => {
    const state = states.get(unit)
    if (state?.load !== 'loaded' || (state.enabled && state.active)) return []
    return [{ kind: 'enable-unit', ...common(unit, state, false), why }]
  })
  const blockers = [...needed].flatMap(([unit, why]) => {
    const load = states.get(unit)?.load ?? 'loaded'
    if (load === 'loaded') return []
    const [is, fix] =
      load === 'masked' ? ['masked', `systemctl unmask ${unit}`] : ['not there', 'install its package']
    return [`${unit} is ${is}, and ${why}. Fix: ${fix}`]
  })
  return { actions: [...disable, ...enable], blockers }
}

async function unitStates(host: Host, units: readonly string[]): Promise<Map<string, UnitState>> {
  if (units.length === 0) return new Map()
  const { stdout } = await host.exec([
    'systemctl',
    'show',
    '--property=Id,Names,LoadState,ActiveState,UnitFileState,TriggeredBy',
    ...units,
  ])
  const states = new Map<string, UnitState>()
  for (const block of stdout.split(/\n\n+/)) {
    const values = new Map(
      block.split('\n').map((line) => [line.split('=', 1)[0], line.slice(line.indexOf('=') + 1)]),
    )
    const id = values.get('Id')
    // An alias (bind9 is named) is shown under the unit's own name; acting on it once is enough.
    if (id === undefined || !units.includes(id)) continue
    states.set(id, {
      load: values.get('LoadState') ?? '',
      active: ['active', 'activating', 'reloading'].includes(values.get('ActiveState') ?? ''),
      enabled: ['enabled', 'enabled-runtime'].includes(values.get('UnitFileState') ?? ''),
      triggers: (values.get('TriggeredBy') ?? '').split(' ').filter(Boolean),
    })
  }
  return states
}

async function ifupdownActions(host: Host, devices: ReadonlySet<string>): Promise<TakeoverAction[]> {
  const folder = '/etc/network/interfaces.d'
  const paths = ['/etc/network/interfaces', ...(await host.list(folder)).map((name) => `${folder}/${name}`)]
  const actions: TakeoverAction[] = []
  for (const path of paths) {
    const stat = await host.stat(path)
    const before = stat?.kind === 'file' ? await host.read(path) : undefined
    if (before === undefined || stat?.kind !== 'file') continue
    const { text: after, found } = withoutDevices(before, devices)
    if (after === before) continue
    const why = 'networkd configures them from now on'
    actions.push({ kind: 'ifupdown', path, before, after, mode: stat.mode, ports: found, why })
  }
  return actions
}

async function netplanActions(host: Host): Promise<TakeoverAction[]> {
  const why = 'netplan would configure our ports as well'
  const files = (await host.list('/etc/netplan')).filter((name) => name.endsWith('.yaml'))
  const rendered = (await host.list('/run/systemd/network')).filter((name) => name.startsWith('10-netplan-'))
  return [
    ...files.map((name) => `/etc/netplan/${name}`),
    ...rendered.map((name) => `/run/systemd/network/${name}`),
  ].map((path) => ({ kind: 'move-file', path, savedAs: TAKEOVER_SAVED + path, why }))
}

/** The user's own networkd files win over ours when they match and sort first (systemd.network(5)). */
async function networkdFileActions(host: Host, devices: ReadonlySet<string>): Promise<TakeoverAction[]> {
  const actions: TakeoverAction[] = []
  for (const folder of ['/etc/systemd/network', '/run/systemd/network']) {
    for (const name of await host.list(folder)) {
      if (!name.endsWith('.network') || name >= '10-sekisho-' || name.startsWith('10-netplan-')) continue
      const path = `${folder}/${name}`
      const text = (await host.read(path).catch(() => undefined)) ?? ''
      const device = [...devices].find((candidate) => mayMatch(text, candidate))
      if (device === undefined) continue
      const why = `it matches ${device} and would win over ours`
      actions.push({ kind: 'move-file', path, savedAs: TAKEOVER_SAVED + path, why })
    }
  }
  return actions
}

/** Whether a .network file could match a device: only a Name= that excludes it says no. */
function mayMatch(text: string, device: string): boolean {
  const match = /^\[Match\]\s*\n((?:(?!\[).*\n?)*)/m.exec(text)?.[1]
  if (match === undefined) return false
  const names = [...match.matchAll(/^\s*Name\s*=\s*(.*)$/gm)].flatMap(([, value = '']) =>
    value.trim().split(/\s+/),
  )
  if (names.length === 0) return /^\s*\w+\s*=/m.test(match)
  const negated = names[0]?.startsWith('!') === true
  const hit = names.some((pattern) => globToRegex(pattern.replace(/^!/, '')).test(device))
  return hit !== negated
}

function globToRegex(pattern: string): RegExp {
  const body = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  try {
    return new RegExp(`^${body}$`)
  } catch {
    return /^/
  }
}

const DHCP_CLIENTS = ['dhclient', 'dhcpcd', 'udhcpc', 'pump']

/** DHCP clients that ifupdown or a user started on our ports; they would keep renewing behind networkd. */
async function clientActions(host: Host, devices: ReadonlySet<string>): Promise<TakeoverAction[]> {
  const actions: TakeoverAction[] = []
  for (const pid of (await host.list('/proc')).filter((name) => /^\d+$/.test(name))) {
    const cmdline = (await host.read(`/proc/${pid}/cmdline`).catch(() => undefined)) ?? ''
    const words = cmdline.split(/[\0 ]+/)
    const name = (words[0] ?? '').replace(/^.*\//, '').replace(/:$/, '')
    const device = words.find((word) => devices.has(word))
    if (!DHCP_CLIENTS.includes(name) || device === undefined) continue
    if (!(await sharesNetwork(host, pid))) continue
    const why = `networkd asks for the address of ${device} from now on`
    actions.push({ kind: 'stop-process', pid: Number(pid), name, why })
  }
  return actions
}

/** Sockets on our ports whose holder we do not know how to set aside. */
async function socketBlockers(
  host: Host,
  { listens, ownContainers }: TakeoverQuery,
  actions: readonly TakeoverAction[],
): Promise<string[]> {
  if (listens.length === 0) return []
  const { code, stdout } = await host.exec(['ss', '-H', '-lntup'])
  if (code !== 0) return []
  const own = await ownContainers
  const set = new Set(actions.flatMap((a) => (a.kind === 'disable-unit' ? [a.unit] : [])))
  // Containers outlive a stopped dockerd (live-restore), and nobody can say whose they are until it runs again.
  const unknown = actions.some((a) => a.kind === 'enable-unit' && a.unit === 'docker.service' && !a.wasActive)
  const blockers = new Set<string>()
  for (const line of stdout.split('\n')) {
    const match = /^(tcp|udp)\s+\S+\s+\S+\s+\S+\s+(\S+):(\d+)\s+\S+\s+users:\(\("([^"]*)",pid=(\d+)/.exec(
      line,
    )
    if (!match) continue
    const [, protocol, rawAddress = '', port, name, pid = ''] = match
    const address = rawAddress.replace(/%.*$/, '').replace(/^\[|\]$/g, '')
    const clash = listens.find(
      (listen) => listen.protocol === protocol && listen.port === Number(port) && collides(listen, address),
    )
    if (!clash) continue
    const cgroup = (await host.read(`/proc/${pid}/cgroup`).catch(() => undefined)) ?? ''
    if ([...own].some((id) => cgroup.includes(id))) continue
    if (unknown && /\/docker[/-][0-9a-f]{64}/.test(cgroup)) continue
    const unit = /\/([^/\n]+\.service)(?:\/|$)/m.exec(cgroup)?.[1]
    if (unit !== undefined && (set.has(unit) || unit.startsWith('sekisho'))) continue
    const fix =
      unit === undefined || name === 'docker-proxy' || /docker/.test(cgroup)
        ? 'stop it, or remove the module that needs the port'
        : `systemctl disable --now ${unit}`
    blockers.add(`${name} (process ${pid}) holds ${protocol} port ${port} of ${address}. Fix: ${fix}`)
  }
  return [...blockers].sort()
}

function collides(listen: Listen, address: string): boolean {
  const wildcard = ['0.0.0.0', '*', '::'].includes(address)
  return wildcard || listen.addresses === undefined || listen.addresses.includes(address)
}
