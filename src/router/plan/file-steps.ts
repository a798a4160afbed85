import type { DesiredState } from '../desired.ts'
import { sha256 } from '../host.ts'
import type { Inventory, Manifest, Place } from '../inventory.ts'
import { MERGED_PATHS, mergeInto } from '../merged.ts'
import { SAVED } from '../observe.ts'
import { PATHS } from '../paths.ts'
import { fills } from './drift.ts'
import type { Step } from './step.ts'

/* What becomes of files: the generation's own, those that it fills in /etc, those that we share, and data directories. */

export function volumeSteps({ volumes }: Inventory, desired: DesiredState): Step[] {
  return desired.volumes.flatMap(({ path, owner, uid, gid, mode }): Step[] => {
    const live = volumes[path]
    const common = { do: 'volume', path, after: { uid, gid, mode }, owner, impact: 'none' } as const
    if (live?.kind !== 'directory') return [{ ...common, says: `makes the data directory ${path}` }]
    if (live.uid === uid && live.gid === gid && live.mode === mode) return []
    const before = { uid: live.uid, gid: live.gid, mode: live.mode }
    return [{ ...common, before, says: `mends owner and mode of ${path}` }]
  })
}

export function fileSteps({ current }: Inventory, desired: DesiredState): Step[] {
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

export function placeSteps(inventory: Inventory, manifest: Manifest): Step[] {
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

export function mergeSteps(
  inventory: Inventory,
  desired: DesiredState,
): { steps: Step[]; blockers: string[] } {
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

export function reloadSteps(files: readonly Step[], places: readonly Step[]): Step[] {
  const touched =
    files.some((step) => step.do === 'file' && step.path.startsWith('host/etc/systemd/system/')) ||
    places.some((step) => step.do === 'place' && step.path.startsWith('/etc/systemd/system/'))
  return touched
    ? [{ do: 'systemd-reload', owner: 'core', impact: 'none', says: 'systemd rereads its units' }]
    : []
}
