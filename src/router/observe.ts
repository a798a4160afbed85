import type { DesiredState } from './desired.ts'
import { isNothing } from './desired.ts'
import type { Setting } from './generated.ts'
import { hostnameOf, linksOf, runDirectoriesOf, sysctlPath, sysctlsOf } from './generated.ts'
import { linkedGeneration, listGenerations, placesOf, readGeneration } from './generation/generation.ts'
import type { Host, Stat } from './host.ts'
import { hasCode, sha256 } from './host.ts'
import type { GenerationOnDisk, Inventory, ObservedService } from './inventory.ts'
import { observeLinks } from './link-state.ts'
import type { Saved } from './merged.ts'
import { MERGED_PATHS } from './merged.ts'
import { observeNft } from './nft-state.ts'
import { COMPOSE_PROJECT, PATHS } from './paths.ts'
import { observeLinkSettings } from './saved-links.ts'
import { observeOthers } from './saved-sysctls.ts'
import { detectTakeover } from './takeover/detect.ts'
import { readTakeover } from './takeover/takeover.ts'

/** Where originals of the user's wait for the day we are removed. */
export const SAVED = {
  files: '/etc/sekisho/saved/files',
  sysctls: '/etc/sekisho/saved/sysctls.json',
  merged: '/etc/sekisho/saved/merged.json',
  links: '/etc/sekisho/saved/links.json',
  hostname: '/etc/sekisho/saved/hostname',
} as const

/** What makes a router of a host; set only when the firewall is loaded. */
export const FORWARDING = ['net/ipv4/ip_forward', 'net/ipv6/conf/all/forwarding'] as const

/** Looks at everything on the machine that this desired state could change. Nothing is changed. */
export async function observe(machine: Host, desired: DesiredState): Promise<Inventory> {
  const host = machine.privileged ? machine : lenient(machine)
  const current = await readCurrent(host)
  const previous = textsOf(current)
  const asked = observeServices(host)
  const [containers, nft, units, missingImages, places, sysctls, links, takeover] = await Promise.all([
    asked,
    observeNft(host),
    observeUnits(host, unitNames(desired, current)),
    observeImages(host, desired),
    observePlaces(host, desired, current),
    observeSysctls(host, [...sysctlsOf(desired.files), ...sysctlsOf(previous), ...FORWARDING.map(required)]),
    observeLinks(host),
    isNothing(desired)
      ? readTakeover(host).then((lapsed) => ({ actions: [], lapsed, blockers: [] }))
      : detectTakeover(host, {
          devices: new Set(linksOf(desired.files).devices),
          listens: desired.services.flatMap((service) => service.listens ?? []),
          docker: desired.services.length > 0,
          ownContainers: asked.then((found) => new Set(found?.ids ?? [])),
        }),
  ])
  const limited = !host.privileged && current !== undefined
  const missingRun: string[] = []
  for (const path of runDirectoriesOf(desired.files)) if (!(await host.stat(path))) missingRun.push(path)
  const text = (await host.read(SAVED.hostname)) ?? (await host.read(`${SAVED.files}/etc/hostname`))
  const nameBefore = hostnameOf([{ path: 'host/etc/hostname', text: text ?? '' }])
  const volumes: Record<string, Stat | undefined> = {}
  for (const { path } of desired.volumes) volumes[path] = await host.stat(path)
  const merged: Record<string, string | undefined> = {}
  for (const path of MERGED_PATHS) merged[path] = await host.read(path)
  return {
    limited,
    current,
    confirmed: await linkedGeneration(host, PATHS.confirmed),
    generations: await listGenerations(host),
    places,
    saved: await tree(host, SAVED.files, ''),
    merged,
    savedMerged: await readJson<Record<string, Saved>>(host, SAVED.merged),
    savedSysctls: await readJson<Record<string, string>>(host, SAVED.sysctls),
    sysctls,
    units,
    nft: nft ?? (limited ? current.live?.nft : undefined),
    services: containers?.services ?? (limited ? asLeft(current) : undefined),
    missingImages: containers || !limited ? missingImages : [],
    volumes,
    missingRun,
    hostname: ((await host.read('/proc/sys/kernel/hostname')) ?? '').trim(),
    ...(nameBefore !== undefined && { savedHostname: nameBefore }),
    down: (await host.stat(PATHS.down)) !== undefined,
    ...(links && { links }),
    found: await observeFound(host, desired, current),
    takeover: takeover.actions,
    lapsed: takeover.lapsed,
    blockers: takeover.blockers,
  }
}

/**
 * The same from the file system alone, in no time: what runs is taken to be as `base` would have left it. For the first
 * steps of a way back, which nothing is to hold up.
 */
export async function presume(host: Host, base: GenerationOnDisk, desired: DesiredState): Promise<Inventory> {
  const merged: Record<string, string | undefined> = {}
  for (const path of MERGED_PATHS) merged[path] = await host.read(path)
  const settings = [...sysctlsOf(desired.files), ...sysctlsOf(textsOf(base)), ...FORWARDING.map(required)]
  return {
    limited: false,
    current: base,
    confirmed: undefined,
    generations: [],
    places: await observePlaces(host, desired, base),
    saved: await tree(host, SAVED.files, ''),
    merged,
    savedMerged: await readJson<Record<string, Saved>>(host, SAVED.merged),
    savedSysctls: await readJson<Record<string, string>>(host, SAVED.sysctls),
    sysctls: await observeSysctls(host, settings),
    units: Object.fromEntries(
      unitNames(desired, base).map((name) => [name, { active: 'active', load: 'loaded' }]),
    ),
    nft: base.live?.nft,
    services: asLeft(base),
    missingImages: [],
    volumes: Object.fromEntries(
      desired.volumes.map(({ path, uid, gid, mode }) => [path, { kind: 'directory', uid, gid, mode }]),
    ),
    missingRun: [],
    hostname: ((await host.read('/proc/sys/kernel/hostname')) ?? '').trim(),
    takeover: [],
    lapsed: [],
    blockers: [],
    down: false,
    found: { links: {}, sysctls: {} },
  }
}

/** The generation in use; undefined before the first apply. */
export async function readCurrent(host: Host): Promise<GenerationOnDisk | undefined> {
  const number = await linkedGeneration(host, PATHS.current)
  return number === undefined ? undefined : readGeneration(host, number)
}

/** What is taken now and was not ours before; nothing of it when all of it is. */
async function observeFound(
  host: Host,
  desired: DesiredState,
  current: GenerationOnDisk | undefined,
): Promise<Inventory['found']> {
  const { devices, netdevs } = linksOf(desired.files)
  const before = linksOf(textsOf(current)).devices
  const keys = [...sysctlsOf(isNothing(desired) ? textsOf(current) : desired.files).keys()]
  return {
    links: await observeLinkSettings(
      host,
      devices.filter((device) => !before.includes(device) && !netdevs.includes(device)),
    ),
    sysctls:
      current === undefined || isNothing(desired) ? await observeOthers(host, keys, new Set(keys)) : {},
  }
}

/** A host on which what may not be read counts as absent. */
function lenient(host: Host): Host {
  const read = (path: string) =>
    host.read(path).catch((error: unknown) => {
      if (hasCode(error, 'EACCES', 'EPERM')) return undefined
      throw error
    })
  return { ...host, read }
}

function asLeft({ live }: GenerationOnDisk): Record<string, ObservedService> {
  const services = Object.entries(live?.services ?? {})
  return Object.fromEntries(
    services.map(([name, configHash]) => [name, { state: 'running', health: '', configHash }]),
  )
}

/** The texts of a generation, as the plan compares them. */
export function textsOf(current: GenerationOnDisk | undefined): { path: string; text: string }[] {
  return Object.entries(current?.files ?? {}).map(([path, { text }]) => ({ path, text }))
}

export async function readJson<T extends object>(host: Host, path: string): Promise<Partial<T> & T> {
  const text = await host.read(path)
  return (text === undefined ? {} : JSON.parse(text)) as T
}

function unitNames(desired: DesiredState, current: GenerationOnDisk | undefined): string[] {
  const units = [...desired.units, ...(current?.manifest.units ?? [])].map((unit) => unit.name)
  return [...new Set([...units, ...desired.restarts.map((restart) => restart.unit)])].sort()
}

async function observeUnits(host: Host, names: readonly string[]): Promise<Inventory['units']> {
  if (names.length === 0) return {}
  const properties = '--property=Id,LoadState,ActiveState,MainPID'
  const { stdout } = await host.exec(['systemctl', 'show', properties, ...names])
  const units: Record<string, Inventory['units'][string]> = {}
  for (const block of stdout.split(/\n\n+/)) {
    const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(block)?.[1]
    const id = value('Id')
    if (id === undefined) continue
    const outdated = await isOutdated(host, value('MainPID') ?? '0')
    units[id] = {
      active: value('ActiveState') ?? '',
      load: value('LoadState') ?? '',
      ...(outdated && { outdated }),
    }
  }
  return units
}

/** Whether a process runs from another release than the one that is installed now. */
async function isOutdated(host: Host, pid: string): Promise<boolean> {
  const exe = pid === '0' ? undefined : await host.stat(`/proc/${pid}/exe`).catch(() => undefined)
  const release = await host.stat(`${PATHS.install}/current`)
  if (exe?.kind !== 'link' || release?.kind !== 'link' || !exe.target.startsWith(`${PATHS.install}/`))
    return false
  return !exe.target.startsWith(`${PATHS.install}/${release.target}/`)
}

/** Our containers by service; undefined when Docker does not answer. */
export async function observeServices(
  host: Host,
): Promise<{ services: Record<string, ObservedService>; ids: string[] } | undefined> {
  const filter = `label=com.docker.compose.project=${COMPOSE_PROJECT}`
  const format = [
    '{{.ID}}',
    '{{.State}}',
    '{{.Status}}',
    '{{.Label "com.docker.compose.service"}}',
    '{{.Label "com.docker.compose.config-hash"}}',
  ].join('\t')
  const argv = ['docker', 'ps', '--all', '--no-trunc', '--filter', filter, '--format', format]
  const { code, stdout } = await host.exec(argv, { timeoutMs: 20_000 })
  if (code !== 0) return undefined
  const services: Record<string, ObservedService> = {}
  const ids: string[] = []
  for (const line of stdout.split('\n')) {
    const [id, state, status, name, configHash] = line.split('\t')
    if (!id || !name || state === undefined || status === undefined || configHash === undefined) continue
    ids.push(id)
    const health = /\((healthy|unhealthy|health: starting)\)/.exec(status)?.[1]?.replace('health: ', '') ?? ''
    services[name] = { state, health, configHash }
  }
  return { services, ids }
}

async function observeImages(host: Host, desired: DesiredState): Promise<string[]> {
  const wanted = [...new Set(desired.images.map(({ image }) => image))].sort()
  if (wanted.length === 0) return []
  const argv = ['docker', 'image', 'ls', '--format', '{{.Repository}}:{{.Tag}}']
  const { code, stdout } = await host.exec(argv, { timeoutMs: 20_000 })
  const there = new Set(code === 0 ? stdout.split('\n') : [])
  const missing: string[] = []
  for (const image of wanted.filter((name) => !there.has(name))) {
    // Docker lists docker.io/library/nginx:1 as nginx:1, and digests not at all.
    const known = await host.exec(['docker', 'image', 'inspect', '--format', '{{.Id}}', image])
    if (known.code !== 0) missing.push(image)
  }
  return missing
}

async function observePlaces(
  host: Host,
  desired: DesiredState,
  current: GenerationOnDisk | undefined,
): Promise<Inventory['places']> {
  const paths = [...placesOf(desired), ...(current?.manifest.places ?? [])].map((place) => place.path)
  const places: Record<string, Inventory['places'][string]> = {}
  for (const path of new Set(paths)) {
    const stat = await host.stat(path)
    places[path] = stat?.kind === 'file' ? { ...stat, sha256: sha256((await host.read(path)) ?? '') } : stat
  }
  return places
}

function required(key: string): [string, Setting] {
  return [key, { value: '1', optional: false }]
}

async function observeSysctls(
  host: Host,
  settings: readonly (readonly [string, Setting])[],
): Promise<Record<string, string | undefined>> {
  const values: Record<string, string | undefined> = {}
  for (const [key, { optional }] of new Map(settings)) {
    const path = sysctlPath(key)
    // What this kernel keeps from us (in a container) is as good as absent.
    if (optional && !(await host.writable(path))) continue
    // Some settings can be written and not read.
    const value = await host.read(path).catch(() => undefined)
    values[key] = value?.trim()
  }
  return values
}

async function tree(host: Host, root: string, below: string): Promise<string[]> {
  const paths: string[] = []
  for (const name of await host.list(root + below)) {
    const path = `${below}/${name}`
    const stat = await host.stat(root + path)
    if (stat?.kind === 'directory') paths.push(...(await tree(host, root, path)))
    else paths.push(path)
  }
  return paths
}
