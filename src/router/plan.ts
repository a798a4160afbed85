import { parse } from 'yaml'
import type { Change } from '../config/changes.ts'
import type { DesiredState } from './desired.ts'
import { isNothing } from './desired.ts'
import { type Drift, driftOf, fills, troubleOf } from './drift.ts'
import type { Links } from './generated.ts'
import {
  changedDevices,
  hostnameOf,
  kernelModulesOf,
  linksOf,
  runDirectoriesOf,
  sameSysctl,
  sysctlsOf,
  zonesOf,
} from './generated.ts'
import { manifestOf } from './generation.ts'
import { sha256 } from './host.ts'
import { noticesOf } from './impact.ts'
import type { Inventory, Manifest, Place } from './inventory.ts'
import { amissLinks } from './link-state.ts'
import type { Saved } from './merged.ts'
import { MERGED_PATHS, mergeInto } from './merged.ts'
import { FORWARDING, SAVED, textsOf } from './observe.ts'
import { PATHS } from './paths.ts'
import type { LinkSettings } from './saved-links.ts'
import { type OtherSetting, othersGivenBack, othersTaken } from './saved-sysctls.ts'
import { sourceChanges } from './source-changes.ts'
import type { TakeoverAction } from './takeover.ts'
import { describeGivenBack, describeTakeover, FLUSHING } from './takeover.ts'

/** What the user notices: nothing; a reread file; a service that restarts; a link or session that drops. */
export type Impact = 'none' | 'reload' | 'restart' | 'reconnect'

interface Owner {
  readonly uid: number
  readonly gid: number
  readonly mode: number
}

/**
 * What a step does. `before` and `after` are complete: swapping them undoes it. A step whose two sides are the
 * same (reloads, restarts) is its own inverse.
 */
type Action =
  | { readonly do: 'images'; readonly images: readonly string[] }
  | { readonly do: 'volume'; readonly path: string; readonly before?: Owner; readonly after?: Owner }
  /** Stops a unit; `idle` when it did not run: then the way back does not start it (a socket does). */
  | { readonly do: 'stop'; readonly unit: string; readonly idle?: true }
  | { readonly do: 'start'; readonly unit: string }
  /** Restarts a unit; `ifActive` leaves a stopped one alone. */
  | { readonly do: 'restart'; readonly unit: string; readonly ifActive: boolean }
  | { readonly do: 'current'; readonly before?: number; readonly after?: number }
  | {
      /** A file of the generation: it changes with `current`; here it is for the reader. */
      readonly do: 'file'
      readonly path: string
      readonly before?: string
      readonly after?: string
      readonly secret?: true
    }
  | {
      readonly do: 'place'
      readonly path: string
      readonly before?: Place
      readonly after?: Place
      /** Where the user's own file waits while ours is in its place. */
      readonly saved?: string
    }
  | {
      readonly do: 'merge'
      readonly path: string
      readonly before?: string
      readonly after?: string
      readonly savedBefore?: Saved
      readonly savedAfter?: Saved
    }
  /** Whether `sekisho down` holds. */
  | { readonly do: 'down'; readonly before: boolean; readonly after: boolean }
  | { readonly do: 'systemd-reload' }
  | { readonly do: 'takeover'; readonly action: TakeoverAction; readonly undo: boolean }
  | { readonly do: 'tmpfiles' }
  | { readonly do: 'modules'; readonly names: readonly string[] }
  | {
      readonly do: 'hostname'
      readonly before: string
      readonly after: string
      /** Whether a generation names the host: the first remembers the name before, the last gives it back. */
      readonly ownedBefore: boolean
      readonly ownedAfter: boolean
    }
  | {
      readonly do: 'networkd'
      readonly before: Links
      readonly after: Links
      readonly changed: readonly string[]
      /** Devices that are not as the files say though these are the same. */
      readonly mended: readonly string[]
      /** "wan", or the network that each device of ours is for. */
      readonly zones: Readonly<Record<string, string>>
      /** How the devices were that are taken now: they are given back so. */
      readonly found: Readonly<Record<string, LinkSettings>>
    }
  | { readonly do: 'firewall'; readonly before: boolean; readonly after: boolean }
  | {
      readonly do: 'sysctl'
      readonly key: string
      readonly before: string
      readonly after: string
      /** Whether a generation sets it: the first to do so remembers the value before, the last gives it back. */
      readonly ownedBefore: boolean
      readonly ownedAfter: boolean
      /** For what new links inherit: the same setting of the links that are not ours. */
      readonly others: Readonly<Record<string, OtherSetting>>
    }
  | { readonly do: 'docker-start' }
  | { readonly do: 'docker-restart' }
  | {
      readonly do: 'compose'
      readonly before: boolean
      readonly after: boolean
      readonly services: readonly string[]
      /** What one misses while services of it restart, by service. */
      readonly pauses: Readonly<Record<string, string>>
    }
  /** Removes runtime directories that nothing uses any more. */
  | { readonly do: 'sweep'; readonly before: readonly string[]; readonly after: readonly string[] }

export type Step = Action & {
  readonly owner: string
  readonly impact: Impact
  /** One line for the user. */
  readonly says: string
  /** What one notices of it, a line each; none when it is nothing. */
  readonly notices?: readonly string[]
}

export interface Plan {
  readonly from: number | undefined
  /** The generation it leads to; the same as `from` when only the machine has to be mended; 0 when all of ours goes. */
  readonly to: number
  /** What router.yaml says otherwise than when the generation in use was made. */
  readonly changes: readonly Change[]
  /** What was changed on the machine since then, by something else than apply. */
  readonly drift: readonly Drift[]
  /** The apply that made the generation in use did not come to its end. */
  readonly unfinished: boolean
  readonly steps: readonly Step[]
  /** Made without root: it knows the files, and takes what runs to be as the last apply left it. */
  readonly limited: boolean
  /** Data of modules that leave: it stays on the disk. */
  readonly kept: readonly { readonly owner: string; readonly path: string }[]
  /** Why it cannot be applied, in words with what to do; nothing is touched then. */
  readonly blockers: readonly string[]
}

const PHASES: readonly Action['do'][] = [
  'images',
  'volume',
  'stop',
  'down',
  'file',
  'current',
  'place',
  'merge',
  'systemd-reload',
  'takeover',
  'tmpfiles',
  'modules',
  'hostname',
  // Before the links: a new one inherits from "default".
  'sysctl',
  'networkd',
  'firewall',
  'docker-start',
  'docker-restart',
  'restart',
  'start',
  'compose',
  'sweep',
]

/** Puts steps into the order in which they are done; undoing a takeover waits until networkd has let go. */
function inOrder(steps: readonly Step[]): Step[] {
  const rank = (step: Step) => {
    // Packets are forwarded only while the firewall is there.
    if (step.do === 'takeover' && step.action.kind === 'accept-policy')
      return PHASES.indexOf('firewall') + (step.undo ? -0.25 : 0.5)
    if (step.do === 'takeover' && step.undo) return PHASES.indexOf('networkd') + 0.5
    if (step.do === 'sysctl' && isForwarding(step.key))
      return PHASES.indexOf('firewall') + (step.ownedAfter ? 0.5 : -0.5)
    // While their files and Docker's settings are still there.
    if (step.do === 'compose' && !step.after) return -1
    // What is left of us until then can be found by it.
    if (step.do === 'current' && step.after === undefined) return PHASES.length
    return PHASES.indexOf(step.do)
  }
  return steps.toSorted((a, b) => rank(a) - rank(b))
}

function isForwarding(key: string): boolean {
  return FORWARDING.some((own) => own === key)
}

export interface PlanOptions {
  /** The router.yaml that `desired` was made of: what differs from the current one's is said in words. */
  readonly source?: string
  /** The generation on the disk that holds it already; without, a new one is made when it differs. */
  readonly target?: number
}

/**
 * What has to happen for the machine to become `desired`. Pure; empty steps when it already is.
 */
export function plan(
  inventory: Inventory,
  desired: DesiredState,
  { source, target }: PlanOptions = {},
): Plan {
  const { current } = inventory
  const manifest = manifestOf(desired)
  const fresh =
    current === undefined ||
    current.drift.length > 0 ||
    JSON.stringify(manifest) !== JSON.stringify(current.manifest)
  const leaves = isNothing(desired)
  const to = leaves ? 0 : (target ?? (fresh ? Math.max(0, ...inventory.generations) + 1 : current.number))
  const merges = mergeSteps(inventory, desired)
  const files = fileSteps(inventory, desired)
  const places = placeSteps(inventory, manifest)
  const pointer: Step[] =
    to !== (current?.number ?? 0)
      ? [
          {
            do: 'current',
            ...(current && { before: current.number }),
            ...(!leaves && { after: to }),
            owner: 'core',
            impact: 'none',
            says: leaves ? 'no generation is in use any more' : `generation ${to} becomes current`,
          },
        ]
      : []
  const steps = [
    ...imageSteps(inventory),
    ...volumeSteps(inventory, desired),
    ...downSteps(inventory),
    ...files,
    ...pointer,
    ...places,
    ...merges.steps,
    ...reloadSteps(files, places),
    ...inventory.takeover.map((action) => takeoverStep(action, false)),
    ...inventory.lapsed.toReversed().map((action) => takeoverStep(action, true)),
    ...runSteps(inventory, desired, files),
    ...hostnameSteps(inventory, desired),
    ...networkdSteps(inventory, desired),
    ...firewallSteps(inventory, desired, files),
    ...sysctlSteps(inventory, desired),
    ...dockerSteps(inventory, desired, merges.steps),
    ...unitSteps(inventory, desired, files),
    ...composeSteps(inventory, desired, files),
  ]
  return {
    from: current?.number,
    to,
    changes: source === undefined ? [] : sourceChanges(current, source),
    drift: driftOf(inventory),
    unfinished: current !== undefined && current.live === undefined,
    steps: inOrder(steps).map((step) => ({ ...step, notices: noticesOf(step) })),
    limited: inventory.limited,
    kept: keptData(current?.manifest, desired),
    blockers: [...inventory.blockers, ...merges.blockers],
  }
}

function imageSteps({ missingImages }: Inventory): Step[] {
  if (missingImages.length === 0) return []
  const says = `loads ${missingImages.length} container image${missingImages.length > 1 ? 's' : ''}`
  return [{ do: 'images', images: missingImages, owner: 'core', impact: 'none', says }]
}

function downSteps({ down }: Inventory): Step[] {
  if (!down) return []
  const says = '`sekisho down` holds no longer'
  return [{ do: 'down', before: true, after: false, owner: 'core', impact: 'none', says }]
}

function volumeSteps({ volumes }: Inventory, desired: DesiredState): Step[] {
  return desired.volumes.flatMap(({ path, owner, uid, gid, mode }): Step[] => {
    const live = volumes[path]
    const common = { do: 'volume', path, after: { uid, gid, mode }, owner, impact: 'none' } as const
    if (live?.kind !== 'directory') return [{ ...common, says: `makes the data directory ${path}` }]
    if (live.uid === uid && live.gid === gid && live.mode === mode) return []
    const before = { uid: live.uid, gid: live.gid, mode: live.mode }
    return [{ ...common, before, says: `mends owner and mode of ${path}` }]
  })
}

function fileSteps({ current }: Inventory, desired: DesiredState): Step[] {
  const previous = new Map((current?.manifest.files ?? []).map((file) => [file.path, file]))
  const wanted = new Map(desired.files.map((file) => [file.path, file]))
  const paths = [...new Set([...previous.keys(), ...wanted.keys()])].sort()
  return paths.flatMap((path): Step[] => {
    const was = previous.get(path)
    const will = wanted.get(path)
    const live = current?.files[path]
    const drifted = current?.drift.includes(path) === true
    if (will && was && !drifted && was.sha256 === sha256(will.text) && was.mode === will.mode) return []
    const owner = will?.owner ?? was?.owner ?? 'core'
    const secret = will?.secret ?? was?.secret
    const verb = !will ? 'removes' : !was ? 'adds' : drifted ? 'restores' : 'changes'
    return [
      {
        do: 'file',
        path,
        ...(live && { before: live.text }),
        ...(will && { after: will.text }),
        ...(secret && { secret }),
        owner,
        impact: 'none',
        says: `${verb} ${shownPath(path)}`,
      },
    ]
  })
}

function shownPath(path: string): string {
  return path.startsWith('host/') ? path.slice('host'.length) : path
}

function placeSteps(inventory: Inventory, manifest: Manifest): Step[] {
  const previous = new Map((inventory.current?.manifest.places ?? []).map((place) => [place.path, place]))
  const wanted = new Map(manifest.places.map((place) => [place.path, place]))
  return [...new Set([...previous.keys(), ...wanted.keys()])].sort().flatMap((path): Step[] => {
    const was = previous.get(path)
    const will = wanted.get(path)
    const live = inventory.places[path]
    const owner = will?.owner ?? was?.owner ?? 'core'
    if (will && fills(live, will)) return []
    const ours = was && fills(live, was) ? was : strayLink(path, live, owner)
    if (!will) {
      if (!ours) return []
      const saved = inventory.saved.includes(path) ? SAVED.files + path : undefined
      const says = saved ? `gives back your ${path}` : `removes ${path}`
      return [{ do: 'place', path, before: ours, ...(saved && { saved }), owner, impact: 'none', says }]
    }
    if (ours)
      return [
        { do: 'place', path, before: ours, after: will, owner, impact: 'none', says: `changes ${path}` },
      ]
    if (!live) return [{ do: 'place', path, after: will, owner, impact: 'none', says: `adds ${path}` }]
    const saved = SAVED.files + freeName(path, inventory.saved)
    const says = `replaces ${path}; what is there now is kept in ${saved}`
    return [{ do: 'place', path, after: will, saved, owner, impact: 'none', says }]
  })
}

/** A symlink into our tree is ours even when no manifest remembers it. */
function strayLink(path: string, live: Inventory['places'][string], owner: string): Place | undefined {
  if (live?.kind !== 'link' || !live.target.startsWith(`${PATHS.current}/`)) return undefined
  return { kind: 'link', path, target: live.target, owner }
}

function freeName(path: string, taken: readonly string[]): string {
  if (!taken.includes(path)) return path
  for (let n = 1; ; n++) if (!taken.includes(`${path}.~${n}~`)) return `${path}.~${n}~`
}

function mergeSteps(inventory: Inventory, desired: DesiredState): { steps: Step[]; blockers: string[] } {
  const steps: Step[] = []
  const blockers: string[] = []
  for (const path of MERGED_PATHS) {
    const file = desired.files.find((candidate) => candidate.path === `host${path}`)
    const was = inventory.current?.manifest.files.some((candidate) => candidate.path === `host${path}`)
    if (!file && !was) continue
    const before = inventory.merged[path]
    const savedBefore = inventory.savedMerged[path]
    const result = mergeInto(path, before, file?.text, savedBefore)
    if (!result.ok) {
      blockers.push(`${result.message}. Fix: ${result.fix}`)
      continue
    }
    if (result.text === before) continue
    steps.push({
      do: 'merge',
      path,
      ...(before !== undefined && { before }),
      ...(result.text !== undefined && { after: result.text }),
      ...(savedBefore && { savedBefore }),
      ...(result.saved && { savedAfter: result.saved }),
      owner: file?.owner ?? 'core',
      impact: 'none',
      says: file ? `puts our part into ${path}; your own stays` : `takes our part out of ${path}`,
    })
  }
  return { steps, blockers }
}

function reloadSteps(files: readonly Step[], places: readonly Step[]): Step[] {
  const touched =
    files.some((step) => step.do === 'file' && step.path.startsWith('host/etc/systemd/system/')) ||
    places.some((step) => step.do === 'place' && step.path.startsWith('/etc/systemd/system/'))
  return touched
    ? [{ do: 'systemd-reload', owner: 'core', impact: 'none', says: 'systemd rereads its units' }]
    : []
}

function takeoverStep(action: TakeoverAction, undo: boolean): Step {
  const impact = action.kind === 'stop-process' ? 'reconnect' : 'none'
  const says = undo ? describeGivenBack(action) : describeTakeover(action)
  return { do: 'takeover', action, undo, owner: 'core', impact, says }
}

function runSteps(inventory: Inventory, desired: DesiredState, files: readonly Step[]): Step[] {
  const before = runDirectoriesOf(textsOf(inventory.current))
  const after = runDirectoriesOf(desired.files)
  const changed = files.some((step) => step.do === 'file' && step.path.startsWith('host/etc/tmpfiles.d/'))
  const modules = kernelModulesOf(desired.files)
  const newModules = files.some(
    (step) => step.do === 'file' && step.path.startsWith('host/etc/modules-load.d/'),
  )
  const steps: Step[] = []
  if (changed || inventory.missingRun.length > 0)
    steps.push({
      do: 'tmpfiles',
      owner: 'core',
      impact: 'none',
      says: after.length > 0 ? 'makes the runtime directories' : 'no runtime directories are made any more',
    })
  if (newModules && modules.length > 0)
    steps.push({
      do: 'modules',
      names: modules,
      owner: 'core',
      impact: 'none',
      says: `loads the kernel modules ${modules.join(', ')}`,
    })
  if (before.join() !== after.join())
    steps.push({
      do: 'sweep',
      before,
      after,
      owner: 'core',
      impact: 'none',
      says: 'removes runtime directories out of use',
    })
  return steps
}

function hostnameSteps({ hostname, savedHostname, current }: Inventory, desired: DesiredState): Step[] {
  const wanted = isNothing(desired) ? savedHostname : hostnameOf(desired.files)
  if (wanted === undefined || wanted === hostname) return []
  const says = `the host name becomes ${wanted}`
  const owned = { ownedBefore: current !== undefined, ownedAfter: !isNothing(desired) }
  return [{ do: 'hostname', before: hostname, after: wanted, ...owned, owner: 'core', impact: 'none', says }]
}

function networkdSteps({ current, links, found }: Inventory, desired: DesiredState): Step[] {
  const changed = changedDevices(textsOf(current), desired.files)
  const before = linksOf(textsOf(current))
  const after = linksOf(desired.files)
  const lost = current === undefined || links === undefined ? [] : amissLinks(after.wanted, links)
  const amiss = lost.filter(({ device }) => !changed.includes(device))
  if (changed.length + amiss.length === 0) return []
  const notes = [
    ...(changed.length > 0 ? [`reconfigures ${changed.join(', ')}`] : []),
    ...(amiss.length > 0 ? [`mends ${amiss.map(({ device }) => device).join(', ')}`] : []),
  ]
  const says = `${notes.join(', ')}; every other link is left alone`
  const mended = amiss.map(({ device }) => device)
  const zones = { ...zonesOf(textsOf(current)), ...zonesOf(desired.files) }
  const steady = { changed, mended, zones, found: found.links, owner: 'core', impact: 'reconnect' } as const
  return [{ do: 'networkd', before, after, ...steady, says }]
}

function firewallSteps({ nft, current }: Inventory, desired: DesiredState, files: readonly Step[]): Step[] {
  if (isNothing(desired)) {
    if (nft === undefined) return []
    const says = 'takes the firewall table away'
    return [{ do: 'firewall', before: true, after: false, owner: 'core', impact: 'none', says }]
  }
  const change = files.find((step) => step.do === 'file' && step.path === 'sekisho.nft')
  if (!change && nft !== undefined && nft === current?.live?.nft) return []
  const says = change
    ? 'replaces the firewall table in one go; established connections go on'
    : nft === undefined
      ? 'loads the firewall table, which is missing'
      : current?.live?.nft === undefined
        ? 'reloads the firewall table, since the last apply did not end'
        : 'reloads the firewall table, which was changed by hand'
  return [{ do: 'firewall', before: current !== undefined, after: true, owner: 'core', impact: 'none', says }]
}

function sysctlSteps(inventory: Inventory, desired: DesiredState): Step[] {
  const previous = sysctlsOf(textsOf(inventory.current))
  const wanted = new Map([
    ...(isNothing(desired) ? [] : FORWARDING).map((key) => [key, { value: '1', optional: false }] as const),
    ...sysctlsOf(desired.files),
  ])
  // What new links inherit goes first: giving it back reaches links that are not ours, and ours have their own values.
  const rank = (key: string) => `${key.includes('/conf/default/') ? 0 : 1}${key}`
  const keys = [
    ...new Set([...previous.keys(), ...(previous.size > 0 ? FORWARDING : []), ...wanted.keys()]),
  ].toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1))
  const ours = new Set(keys)
  return keys.flatMap((key): Step[] => {
    const live = inventory.sysctls[key]
    // A kernel without it cannot be made to have it; nor can a link that is not there.
    if (live === undefined) return []
    const ownedBefore = previous.has(key) || (isForwarding(key) && inventory.current !== undefined)
    const ownedAfter = wanted.has(key)
    const after = wanted.get(key)?.value ?? inventory.savedSysctls[key] ?? live
    if (sameSysctl(live, after) && ownedBefore === ownedAfter) return []
    const { found, savedSysctls } = inventory
    const others = !ownedBefore
      ? othersTaken(key, found.sysctls)
      : !ownedAfter
        ? othersGivenBack({ key, before: live, after }, found.sysctls, savedSysctls, ours)
        : {}
    const says = isForwarding(key)
      ? `packets are ${after === '0' ? 'no longer ' : ''}forwarded (${key})`
      : `kernel setting ${key} becomes ${after}`
    return [
      {
        do: 'sysctl',
        key,
        before: live,
        after,
        ownedBefore,
        ownedAfter,
        others,
        owner: 'core',
        impact: 'none',
        says,
      },
    ]
  })
}

function dockerSteps(inventory: Inventory, desired: DesiredState, merges: readonly Step[]): Step[] {
  // Docker goes on as it was found: off.
  const stays = !inventory.lapsed.some(
    (action) => action.kind === 'enable-unit' && action.unit === 'docker.service' && !action.wasActive,
  )
  if (isNothing(desired) && !(inventory.services && stays)) return []
  const daemon = merges.some((step) => step.do === 'merge' && step.path === '/etc/docker/daemon.json')
  const flushed = inventory.takeover.some(
    (action) => action.kind === 'disable-unit' && action.wasActive && FLUSHING.has(action.unit),
  )
  if (daemon || (flushed && inventory.services)) {
    const why = daemon ? 'reads its new settings' : 'makes its rules again'
    const says = `Docker restarts and ${why}; forwarding goes on, and so do running containers (live-restore)`
    return [{ do: 'docker-restart', owner: 'core', impact: 'restart', says }]
  }
  if (inventory.services || desired.services.length === 0) return []
  return [{ do: 'docker-start', owner: 'core', impact: 'none', says: 'starts Docker' }]
}

function unitSteps(inventory: Inventory, desired: DesiredState, files: readonly Step[]): Step[] {
  const changed = new Set(files.flatMap((step) => (step.do === 'file' ? [step.path] : [])))
  const owners = new Set(files.flatMap((step) => (step.do === 'file' ? [step.owner] : [])))
  const wanted = new Set(desired.units.map((unit) => unit.name))
  const gone = (inventory.current?.manifest.units ?? []).filter((unit) => !wanted.has(unit.name))
  const stops = gone.map(
    ({ name, owner }): Step => ({
      do: 'stop',
      unit: name,
      ...(inventory.units[name]?.active === 'inactive' && { idle: true }),
      owner,
      impact: 'none',
      says: `stops ${name}`,
    }),
  )
  const starts = desired.units
    .filter((unit) => unit.enable)
    .flatMap(({ name, owner, watches, reconnects }): Step[] => {
      const active = inventory.units[name]?.active === 'active'
      if (!active) return [{ do: 'start', unit: name, owner, impact: 'none', says: `starts ${name}` }]
      const touched =
        changed.has(`host/etc/systemd/system/${name}`) ||
        (watches ? watches.some((path) => changed.has(path)) : owner !== 'core' && owners.has(owner))
      const outdated = inventory.units[name]?.outdated === true
      if (!touched && !outdated) return []
      const why = outdated ? ', which runs the release before' : ''
      const impact = reconnects ? 'reconnect' : 'restart'
      const says = `restarts ${name}${why}`
      return [{ do: 'restart', unit: name, ifActive: false, owner, impact, says }]
    })
  const listed = [...desired.restarts, ...(inventory.current?.manifest.restarts ?? [])]
  const others = new Set(listed.filter((restart) => changed.has(restart.path)).map((restart) => restart.unit))
  const restarts = [...others].sort().map(
    (unit): Step => ({
      do: 'restart',
      unit,
      ifActive: true,
      owner: 'core',
      impact: 'restart',
      says: `restarts ${unit}, which reads a changed file`,
    }),
  )
  return [...stops, ...starts, ...restarts]
}

function composeSteps(inventory: Inventory, desired: DesiredState, files: readonly Step[]): Step[] {
  const { current, services } = inventory
  const before = !inventory.down && current !== undefined && current.manifest.services.length > 0
  const after = desired.services.length > 0
  const change = files.find((step) => step.do === 'file' && step.path === 'compose.yaml')
  const wanted = new Set(desired.services.map((service) => service.name))
  const notes = change?.do === 'file' ? composeChanges(change.before, change.after) : []
  const amiss = [...wanted].flatMap((name) => {
    const live = services?.[name]
    if (!live && !(before && services)) return []
    if (troubleOf(live, current?.live && (current.live.services[name] ?? '')) === undefined) return []
    if (live?.state !== 'running') return [`starts ${name} again`]
    return [live.health === 'unhealthy' ? `waits for ${name}, which is unhealthy` : `restarts ${name}`]
  })
  const orphans = Object.keys(services ?? {}).filter((name) => !wanted.has(name))
  const idle =
    !inventory.down &&
    !change &&
    amiss.length === 0 &&
    orphans.length === 0 &&
    (services !== undefined || !after)
  if (idle || (!after && !before && orphans.length === 0)) return []
  const all = notes.length > 0 ? notes : [...amiss, ...orphans.map((name) => `removes ${name}`)]
  const says = `containers: ${all.join(', ') || (after ? 'brings them up' : 'takes them down')}`
  const impact = before && !all.every((note) => note.startsWith('starts ')) ? 'restart' : 'none'
  const restarts = all.flatMap((note) => /^restarts (.*)$/.exec(note)?.[1] ?? [])
  const pauses = Object.fromEntries(
    desired.services.flatMap(({ name, pause }) =>
      pause !== undefined && restarts.includes(name) ? [[name, pause]] : [],
    ),
  )
  return [{ do: 'compose', before, after, services: [...wanted].sort(), pauses, owner: 'core', impact, says }]
}

/** In words, what becomes of each service between two Compose files. */
function composeChanges(before: string | undefined, after: string | undefined): string[] {
  const one = composeServices(before)
  const two = composeServices(after)
  return [...new Set([...Object.keys(one), ...Object.keys(two)])].sort().flatMap((name) => {
    if (!(name in one)) return [`starts ${name}`]
    if (!(name in two)) return [`removes ${name}`]
    return JSON.stringify(one[name]) === JSON.stringify(two[name]) ? [] : [`restarts ${name}`]
  })
}

function composeServices(text: string | undefined): Record<string, unknown> {
  const document: unknown = text === undefined ? {} : parse(text)
  if (typeof document !== 'object' || document === null || !('services' in document)) return {}
  const { services } = document
  return typeof services === 'object' && services !== null ? { ...services } : {}
}

function keptData(previous: Manifest | undefined, desired: DesiredState): Plan['kept'] {
  const wanted = new Set(desired.volumes.map((volume) => volume.path))
  return (previous?.volumes ?? [])
    .filter((volume) => !wanted.has(volume.path))
    .map(({ owner, path }) => ({ owner, path }))
}

/** The plan's steps undone, in the order in which that is done. */
export function invert(steps: readonly Step[]): Step[] {
  return inOrder(steps.toReversed().map(inverse))
}

function inverse(step: Step): Step {
  const { owner, impact } = step
  const common = { owner, impact, says: `back: ${step.says}` }
  switch (step.do) {
    case 'stop':
      return step.idle ? { ...common, ...step } : { ...common, do: 'start', unit: step.unit }
    case 'start':
      return { ...common, do: 'stop', unit: step.unit }
    case 'takeover':
      return { ...common, do: 'takeover', action: step.action, undo: !step.undo }
    case 'place': {
      const { before, after, path, saved } = step
      return {
        ...common,
        do: 'place',
        path,
        ...(after && { before: after }),
        ...(before && { after: before }),
        ...(saved && { saved }),
      }
    }
    case 'merge': {
      const { before, after, savedBefore, savedAfter, path } = step
      return {
        ...common,
        do: 'merge',
        path,
        ...(after !== undefined && { before: after }),
        ...(before !== undefined && { after: before }),
        ...(savedAfter && { savedBefore: savedAfter }),
        ...(savedBefore && { savedAfter: savedBefore }),
      }
    }
    case 'sysctl': {
      const { key, before, after, ownedBefore, ownedAfter, others } = step
      return {
        ...common,
        do: 'sysctl',
        key,
        before: after,
        after: before,
        ownedBefore: ownedAfter,
        ownedAfter: ownedBefore,
        others,
      }
    }
    case 'volume':
    case 'file':
    case 'current': {
      const { before, after, ...rest } = step
      return {
        ...rest,
        ...common,
        ...(after !== undefined && { before: after }),
        ...(before !== undefined && { after: before }),
      } as Step
    }
    case 'hostname': {
      const { before, after, ownedBefore, ownedAfter } = step
      const owned = { ownedBefore: ownedAfter, ownedAfter: ownedBefore }
      return { ...common, do: 'hostname', before: after, after: before, ...owned }
    }
    case 'networkd':
    case 'firewall':
    case 'compose':
    case 'sweep':
    case 'down':
      return { ...step, ...common, before: step.after, after: step.before } as Step
    case 'images':
    case 'restart':
    case 'systemd-reload':
    case 'tmpfiles':
    case 'modules':
    case 'docker-start':
    case 'docker-restart':
      return { ...step, ...common }
  }
}
