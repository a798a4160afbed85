import type { DesiredState, OwnedFile } from '../desired.ts'
import type { Host } from '../host.ts'
import { sha256 } from '../host.ts'
import type { GenerationOnDisk, LiveRecord, Manifest, Place } from '../inventory.ts'
import { isMerged } from '../merged.ts'
import { PATHS } from '../paths.ts'
import type { GenerationMeta } from './meta.ts'

/** Programs confined by AppArmor (rsyslogd) read no symlink that leads out of their folder. */
const COPIED = ['/etc/rsyslog.d/']

export function generationPath(number: number): string {
  return `${PATHS.generations}/${number}`
}

/** The value of the symlinks `current` and `confirmed`: relative, so that the tree can be moved as a whole. */
export function generationTarget(number: number): string {
  return `generations/${number}`
}

/** The paths in /etc that a desired state fills, sorted. */
export function placesOf(desired: DesiredState): Place[] {
  const hosted = desired.files.filter((file) => file.path.startsWith('host/'))
  const places: Place[] = hosted
    .filter((file) => !isMerged(hostPath(file)))
    .map((file) => {
      const path = hostPath(file)
      const { owner, mode } = file
      return COPIED.some((root) => path.startsWith(root))
        ? { kind: 'copy', path, source: file.path, sha256: sha256(file.text), mode, owner }
        : { kind: 'link', path, target: `${PATHS.current}/${file.path}`, owner }
    })
  const enabled = desired.units.filter((unit) => unit.enable).flatMap((unit) => wantedLinks(unit, hosted))
  const links = (desired.links ?? []).map((link) => ({ kind: 'link' as const, ...link }))
  return [...places, ...enabled, ...links].toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

function hostPath(file: OwnedFile): string {
  return file.path.slice('host'.length)
}

/** What `systemctl enable` would link: WantedBy= and RequiredBy= of the unit's [Install] section. */
function wantedLinks(unit: { name: string; owner: string }, files: readonly OwnedFile[]): Place[] {
  const folder = '/etc/systemd/system'
  const text = files.find((file) => hostPath(file) === `${folder}/${unit.name}`)?.text ?? ''
  const install = /^\[Install\]\n([^[]*)/m.exec(text)?.[1] ?? ''
  return [...install.matchAll(/^(Wanted|Required)By=(.*)$/gm)].flatMap(([, kind, targets = '']) =>
    targets
      .split(/\s+/)
      .filter((target) => target !== '')
      .map((target) => ({
        kind: 'link' as const,
        path: `${folder}/${target}.${kind === 'Wanted' ? 'wants' : 'requires'}/${unit.name}`,
        target: `${folder}/${unit.name}`,
        owner: unit.owner,
      })),
  )
}

export function manifestOf(desired: DesiredState): Manifest {
  return {
    version: 1,
    files: desired.files.map(({ path, text, mode, owner, secret }) => ({
      path,
      sha256: sha256(text),
      mode,
      owner,
      ...(secret && { secret }),
    })),
    places: placesOf(desired),
    units: desired.units,
    volumes: desired.volumes,
    images: desired.images,
    // Words for a reader are no part of what a generation is.
    services: desired.services.map(({ owner, name, listens }) => ({
      owner,
      name,
      ...(listens && { listens }),
    })),
    restarts: desired.restarts,
  }
}

/**
 * A generation on the disk as the desired state that it was made from; its manifest is that of the generation again.
 * Native checks are not kept: they were passed.
 */
export function desiredOf({ manifest, files }: GenerationOnDisk): DesiredState {
  const desired = {
    files: manifest.files.flatMap(({ path, owner, secret }) => {
      const found = files[path]
      return found ? [{ path, text: found.text, mode: found.mode, owner, ...(secret && { secret }) }] : []
    }),
    units: manifest.units,
    volumes: manifest.volumes,
    images: manifest.images,
    services: manifest.services,
    checks: [],
    restarts: manifest.restarts,
  } satisfies DesiredState
  const derived = new Set(placesOf(desired).map((place) => place.path))
  // A file that is gone has its place still, and is no link of its own for that.
  for (const { path } of manifest.files) derived.add(path.replace(/^host/, ''))
  const links = manifest.places.flatMap((place) =>
    place.kind === 'link' && !derived.has(place.path)
      ? [{ path: place.path, target: place.target, owner: place.owner }]
      : [],
  )
  return { ...desired, links }
}

/** Reads the generation that a symlink points to; undefined when there is none or it cannot be read. */
export async function readGeneration(host: Host, number: number): Promise<GenerationOnDisk | undefined> {
  const root = generationPath(number)
  const text = await host.read(`${root}/manifest.json`)
  const manifest = text === undefined ? undefined : parse<Manifest>(text)
  if (manifest?.version !== 1) return undefined
  const files: Record<string, { text: string; mode: number }> = {}
  const drift: string[] = []
  const looks = manifest.files.map(async (wanted) => {
    const path = `${root}/${wanted.path}`
    const stat = await host.stat(path)
    return { wanted, stat, found: stat?.kind === 'file' ? await host.read(path) : undefined }
  })
  for (const { wanted, stat, found } of await Promise.all(looks)) {
    // A secret, and we are not root: the manifest's word must do.
    if (found === undefined && !host.privileged && stat?.kind === 'file' && wanted.secret) continue
    if (found !== undefined && stat?.kind === 'file') files[wanted.path] = { text: found, mode: stat.mode }
    if (
      found === undefined ||
      stat?.kind !== 'file' ||
      stat.mode !== wanted.mode ||
      sha256(found) !== wanted.sha256
    )
      drift.push(wanted.path)
  }
  const live = parse<LiveRecord>((await host.read(`${root}/live.json`)) ?? 'null')
  const source = await host.read(`${root}/router.yaml`)
  return { number, manifest, files, drift, live: live ?? undefined, source }
}

function parse<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}

/** The number that a symlink such as `current` names. */
export async function linkedGeneration(host: Host, link: string): Promise<number | undefined> {
  const stat = await host.stat(link)
  const match = stat?.kind === 'link' ? /^generations\/(\d{1,9})$/.exec(stat.target) : null
  return match ? Number(match[1]) : undefined
}

export async function listGenerations(host: Host): Promise<number[]> {
  const names = await host.list(PATHS.generations)
  return names
    .filter((name) => /^\d{1,9}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
}

/**
 * Writes a complete generation and flushes it to the disk. A file that the previous generation already has is
 * hard-linked: same inode and time, so that networkd does not take an unchanged file for a new one.
 */
export async function writeGeneration(
  host: Host,
  number: number,
  desired: DesiredState,
  source: string,
  previous: GenerationOnDisk | undefined,
  { author, summary }: Pick<GenerationMeta, 'author' | 'summary'> = { author: 'unknown', summary: [] },
): Promise<void> {
  const root = generationPath(number)
  await host.makeDirectory(PATHS.generations, 0o755)
  await host.makeDirectory(root, 0o755)
  const manifest = manifestOf(desired)
  const unchanged = new Map(
    (previous?.manifest.files ?? [])
      .filter((file) => !previous?.drift.includes(file.path))
      .map((file) => [file.path, `${file.sha256} ${file.mode}`]),
  )
  for (const [index, file] of desired.files.entries()) {
    const key = `${manifest.files[index]?.sha256} ${file.mode}`
    if (previous && unchanged.get(file.path) === key)
      await host.hardlink(`${generationPath(previous.number)}/${file.path}`, `${root}/${file.path}`)
    else await host.write(`${root}/${file.path}`, file.text, file.mode)
  }
  await host.write(`${root}/router.yaml`, source, 0o644)
  const meta: GenerationMeta = { version: 1, createdAt: new Date().toISOString(), author, summary }
  await host.write(`${root}/meta.json`, `${JSON.stringify(meta, null, 1)}\n`, 0o644)
  await host.write(`${root}/places.tsv`, placesTable(manifest.places), 0o644)
  // Last: a generation without its manifest was never finished.
  await host.write(`${root}/manifest.json`, `${JSON.stringify(manifest, null, 1)}\n`, 0o644)
  const directories = new Set(
    desired.files.flatMap(({ path }) => parents(path)).map((path) => `${root}/${path}`),
  )
  for (const directory of [...directories, root, PATHS.generations]) await host.sync(directory)
}

function parents(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'))
}

/** The same list for the shell at boot (see render/boot-scripts.ts): kind, path and source, tab-separated. */
function placesTable(places: readonly Place[]): string {
  return places
    .map((place) => {
      const from = place.kind === 'link' ? place.target : `${PATHS.current}/${place.source}`
      return `${place.kind}\t${place.path}\t${from}\n`
    })
    .join('')
}
