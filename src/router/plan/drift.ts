import { diffLines } from '../../lib/diff-lines.ts'
import { printable } from '../../lib/printable.ts'
import type { Texts } from '../generated.ts'
import { hostnameOf, linksOf, runDirectoriesOf, sameSysctl, sysctlsOf } from '../generated.ts'
import type { GenerationOnDisk, Inventory, Place } from '../inventory.ts'
import { amissLinks } from '../link-state.ts'
import { MERGED_PATHS, mergeInto } from '../merged.ts'
import { FORWARDING, textsOf } from '../observe.ts'

/** Something on the machine that is not as the generation in use left it, whatever router.yaml says by now. */
export interface Drift {
  readonly what:
    | 'file'
    | 'directory'
    | 'firewall'
    | 'container'
    | 'image'
    | 'unit'
    | 'sysctl'
    | 'hostname'
    | 'link'
  /** The path, unit, service, key or device. */
  readonly name: string
  /** One line for a person. */
  readonly says: string
  /** The lines that went ("- ") and came ("+ "), where that is known and no secret. */
  readonly lines?: readonly string[]
}

/** What is not as the last apply left it. Pure; empty before the first apply. */
export function driftOf(inventory: Inventory): readonly Drift[] {
  const { current } = inventory
  if (current === undefined) return []
  // What an edited file says now is nobody's wish.
  const texts = textsOf(current).filter(({ path }) => !current.drift.includes(path))
  return [
    ...fileDrift(current),
    ...placeDrift(inventory, current),
    ...mergeDrift(inventory, texts),
    ...directoryDrift(inventory, current, texts),
    ...firewallDrift(inventory, current),
    ...sysctlDrift(inventory, texts),
    ...hostnameDrift(inventory, texts),
    ...linkDrift(inventory, texts),
    ...unitDrift(inventory, current),
    ...containerDrift(inventory, current),
  ]
}

function fileDrift({ files, drift, manifest }: GenerationOnDisk): Drift[] {
  return drift.map((name) => {
    const live = files[name]
    const wanted = manifest.files.find(({ path }) => path === name)
    const shown = name.startsWith('host/') ? name.slice('host'.length) : name
    const says = !live
      ? `${shown} was removed`
      : wanted && wanted.mode !== live.mode
        ? `${shown} has another mode, ${live.mode.toString(8)}`
        : `${shown} was edited`
    return { what: 'file', name, says }
  })
}

function placeDrift({ places }: Inventory, { manifest }: GenerationOnDisk): Drift[] {
  return manifest.places.flatMap((place): Drift[] => {
    const live = places[place.path]
    if (fills(live, place)) return []
    const says =
      live === undefined
        ? `${place.path} was removed`
        : place.kind === 'link'
          ? `${place.path} is no longer our link`
          : `${place.path} was edited`
    return [{ what: 'file', name: place.path, says }]
  })
}

/** Whether what lies there is what the place says. */
export function fills(live: Inventory['places'][string], place: Place): boolean {
  if (place.kind === 'link') return live?.kind === 'link' && live.target === place.target
  return live?.kind === 'file' && live.sha256 === place.sha256 && live.mode === place.mode
}

function mergeDrift({ merged, savedMerged }: Inventory, texts: Texts): Drift[] {
  return MERGED_PATHS.flatMap((path): Drift[] => {
    const ours = texts.find((file) => file.path === `host${path}`)?.text
    if (ours === undefined) return []
    const result = mergeInto(path, merged[path], ours, savedMerged[path])
    if (result.ok && result.text === merged[path]) return []
    return [{ what: 'file', name: path, says: `our part of ${path} was changed` }]
  })
}

function directoryDrift(inventory: Inventory, { manifest }: GenerationOnDisk, texts: Texts): Drift[] {
  const { volumes, missingRun } = inventory
  const data = manifest.volumes.flatMap(({ path, uid, gid, mode }): Drift[] => {
    // Only those that are still wanted were looked at.
    if (!(path in volumes)) return []
    const live = volumes[path]
    if (live?.kind !== 'directory')
      return [{ what: 'directory', name: path, says: `the data directory ${path} is gone` }]
    if (live.uid === uid && live.gid === gid && live.mode === mode) return []
    return [{ what: 'directory', name: path, says: `${path} has another owner or mode` }]
  })
  const run = runDirectoriesOf(texts).filter((path) => missingRun.includes(path))
  return [...data, ...run.map((name) => ({ what: 'directory' as const, name, says: `${name} is gone` }))]
}

/** Lines of the firewall that one reads; of more, how many there are. */
const SHOWN_RULES = 12

function firewallDrift({ nft }: Inventory, { live }: GenerationOnDisk): Drift[] {
  const was = live?.nft
  if (nft !== undefined && nft === was) return []
  const common = { what: 'firewall', name: 'inet sekisho' } as const
  if (nft === undefined) return [{ ...common, says: 'the firewall table is not loaded' }]
  // An apply that did not end wrote down nothing, a release before this one only a hash.
  if (!was?.includes('\n'))
    return [{ ...common, says: 'whether the firewall table is as it was left is not known' }]
  const lines = diffLines(was, nft)
    .filter(({ sign }) => sign !== ' ')
    .map(({ sign, text }) => `${sign} ${printable(text)}`)
  const more = lines.length - SHOWN_RULES
  return [
    {
      ...common,
      says: 'rules of the firewall table were changed',
      lines: more > 0 ? [...lines.slice(0, SHOWN_RULES), `and ${more} more`] : lines,
    },
  ]
}

function sysctlDrift({ sysctls }: Inventory, texts: Texts): Drift[] {
  const wanted = new Map([
    ...FORWARDING.map((key) => [key, '1'] as const),
    ...[...sysctlsOf(texts)].map(([key, { value }]) => [key, value] as const),
  ])
  return [...wanted].flatMap(([key, value]): Drift[] => {
    const live = sysctls[key]
    // A kernel without it cannot be made to have it; nor can a link that is not there.
    if (live === undefined || sameSysctl(live, value)) return []
    return [{ what: 'sysctl', name: key, says: `kernel setting ${key} is ${printable(live)}, not ${value}` }]
  })
}

function hostnameDrift({ hostname }: Inventory, texts: Texts): Drift[] {
  const wanted = hostnameOf(texts)
  if (wanted === undefined || wanted === hostname) return []
  return [
    { what: 'hostname', name: hostname, says: `the host name is ${printable(hostname)}, not ${wanted}` },
  ]
}

function linkDrift({ links }: Inventory, texts: Texts): Drift[] {
  if (links === undefined) return []
  return amissLinks(linksOf(texts).wanted, links).map(({ device, why }) => ({
    what: 'link',
    name: device,
    says: why,
  }))
}

function unitDrift({ units }: Inventory, { manifest }: GenerationOnDisk): Drift[] {
  return manifest.units
    .filter((unit) => unit.enable)
    .flatMap(({ name }): Drift[] => {
      const state = units[name]?.active
      return state === 'active' || state === undefined
        ? []
        : [{ what: 'unit', name, says: `${name} is ${state}` }]
    })
}

function containerDrift(inventory: Inventory, { manifest, live }: GenerationOnDisk): Drift[] {
  const { services, missingImages } = inventory
  const images = manifest.images
    .filter(({ image }) => missingImages.includes(image))
    .map(({ image: name }) => ({ what: 'image' as const, name, says: `the image ${name} is gone` }))
  if (services === undefined) {
    if (manifest.services.length === 0) return images
    return [...images, { what: 'container', name: 'docker', says: 'Docker does not answer' }]
  }
  const wanted = new Set(manifest.services.map(({ name }) => name))
  const amiss = [...wanted].flatMap((name): Drift[] => {
    const says = troubleOf(services[name], live?.services[name])
    return says === undefined ? [] : [{ what: 'container', name, says: `container ${name} ${says}` }]
  })
  const strays = Object.keys(services)
    .filter((name) => !wanted.has(name))
    .map((name) => ({
      what: 'container' as const,
      name,
      says: `container ${printable(name)} is in our project and not of ours`,
    }))
  return [...images, ...amiss, ...strays]
}

/** What is wrong with a container of ours, as a predicate; `hash` is its configuration's when it was started. */
export function troubleOf(
  live: NonNullable<Inventory['services']>[string] | undefined,
  hash: string | undefined,
): string | undefined {
  if (!live) return 'is not there'
  if (live.state !== 'running') return `is ${live.state}`
  if (live.health === 'unhealthy') return 'is unhealthy'
  return hash !== undefined && hash !== live.configHash ? 'was changed by hand' : undefined
}
