import { lstat, readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { OwnedVolume } from '../router/desired.ts'
import { hasCode } from '../router/host.ts'
import { PATHS } from '../router/paths.ts'
import type { ArchivedFile, ArchivedFolder } from './manifest.ts'
import { namedFiles } from './named-files.ts'
import type { Snapshot } from './snapshot.ts'
import { takeSnapshot } from './snapshot.ts'
import { AGENT_STATE, CONFIG_FOLDER, mayTravel, staysHome } from './travel.ts'

/** A file that goes into the archive. */
export interface Source {
  readonly path: string
  readonly kind: ArchivedFile['kind']
  /** Where its bytes are read: of kept data a snapshot. */
  readonly from: string
}

export interface Collected {
  readonly sources: readonly Source[]
  readonly folders: readonly ArchivedFolder[]
  /** Secrets that stay behind because they were not wanted. */
  readonly leftOut: readonly string[]
  /** What could not be taken, in words. */
  readonly warnings: readonly string[]
}

export interface CollectOptions {
  /** A folder that stands for "/" (tests). */
  readonly root: string
  /** Text of router.yaml. */
  readonly config: string
  readonly volumes: readonly OwnedVolume[]
  readonly secrets: boolean
  /** An empty folder on the disk of the kept data. */
  readonly scratch: string
}

/** Finds everything that a router needs to be the same on another machine: paths, sorted; nothing is read yet. */
export async function collect(options: CollectOptions): Promise<Collected> {
  const { root, config, volumes, scratch } = options
  const warnings: string[] = []
  const paths = new Set<string>()
  for (const name of await namesIn(root + CONFIG_FOLDER))
    if (!staysHome(name)) await addTree(root, `${CONFIG_FOLDER}/${name}`, paths, warnings)
  const named = namedFiles(config)
  for (const path of [...named.files, ...named.folders]) {
    if (paths.has(path) || path.startsWith(`${CONFIG_FOLDER}/`)) continue
    if (mayTravel(path)) await addTree(root, path, paths, warnings)
    else warnings.push(`${path}, which router.yaml names, is a part of the system: copy it by hand`)
  }
  const configured: Source[] = []
  const leftOut: string[] = []
  for (const path of [...paths].sort()) {
    const kind = (await isSecret(root, path)) ? 'secret' : 'config'
    if (kind === 'secret' && !options.secrets) leftOut.push(path)
    else configured.push({ path, kind, from: root + path })
  }
  const kept = [
    ...volumes.filter(({ backup }) => backup !== false).map((volume) => ({ ...volume, only: volume.backup })),
    {
      path: AGENT_STATE.slice(0, AGENT_STATE.lastIndexOf('/')),
      only: [AGENT_STATE.split('/').at(-1) ?? ''],
      secret: false,
    },
  ]
  const snapshots: Snapshot[] = []
  for (const [index, { path, only, secret = false }] of kept.entries()) {
    const taken = await takeSnapshot(
      root,
      path,
      join(scratch, String(index)),
      only === true ? undefined : only || [],
    )
    if (!secret) snapshots.push(taken)
    else if (options.secrets)
      snapshots.push({ ...taken, sources: taken.sources.map((source) => ({ ...source, kind: 'secret' })) })
    else leftOut.push(...taken.sources.map((source) => source.path))
  }
  return {
    sources: [...configured, ...snapshots.flatMap(({ sources }) => sources)],
    folders: snapshots.flatMap(({ folders }) => folders),
    leftOut,
    warnings: [...warnings, ...snapshots.flatMap((snapshot) => snapshot.warnings)],
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).sort()
}

/** Adds a file, or every file below a folder. A link to a file becomes the file; what else there is stays. */
async function addTree(root: string, path: string, paths: Set<string>, warnings: string[]): Promise<void> {
  const found = await lstat(root + path).catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  })
  if (found === undefined) return void warnings.push(`${path} is not there`)
  if (!mayTravel(path)) return void warnings.push(`${path} has a name that no archive may hold`)
  if (found.isDirectory()) {
    for (const name of await namesIn(root + path)) await addTree(root, `${path}/${name}`, paths, warnings)
    return
  }
  const isFile = found.isSymbolicLink()
    ? await stat(root + path).then(
        (target) => target.isFile(),
        () => false,
      )
    : found.isFile()
  if (isFile) paths.add(path)
  else warnings.push(`${path} is neither a file nor a folder and stays behind`)
}

/** Whether others may not read it, or it lies where secrets do. */
async function isSecret(root: string, path: string): Promise<boolean> {
  const { mode } = await stat(await realpath(root + path))
  return path.startsWith(`${PATHS.secrets}/`) || (mode & 0o004) === 0
}
