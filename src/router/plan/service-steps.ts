import { parse } from 'yaml'
import { type DesiredState, isNothing } from '../desired.ts'
import type { Inventory } from '../inventory.ts'
import { FLUSHING } from '../takeover/takeover.ts'
import { troubleOf } from './drift.ts'
import type { Step } from './step.ts'

/* What becomes of what runs: images, Docker, units and containers. */

export function imageSteps({ missingImages }: Inventory): Step[] {
  if (missingImages.length === 0) return []
  const says = `loads ${missingImages.length} container image${missingImages.length > 1 ? 's' : ''}`
  return [{ do: 'images', images: missingImages, owner: 'core', impact: 'none', says }]
}

export function dockerSteps(inventory: Inventory, desired: DesiredState, merges: readonly Step[]): Step[] {
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

export function unitSteps(inventory: Inventory, desired: DesiredState, files: readonly Step[]): Step[] {
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

export function composeSteps(inventory: Inventory, desired: DesiredState, files: readonly Step[]): Step[] {
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
