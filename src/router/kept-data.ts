import type { Host } from './host.ts'
import { readCurrent } from './observe.ts'
import { PATHS } from './paths.ts'

export interface ModuleData {
  readonly module: string
  readonly path: string
  readonly bytes: number
  /** The generation in use has this module. */
  readonly inUse: boolean
}

/** The data of modules on the disk, by name; what the core keeps for itself is none of it. */
export async function moduleData(host: Host): Promise<ModuleData[]> {
  const manifest = (await readCurrent(host))?.manifest
  const used = new Set(
    [...(manifest?.volumes ?? []), ...(manifest?.services ?? []), ...(manifest?.files ?? [])].map(
      ({ owner }) => owner,
    ),
  )
  const found: ModuleData[] = []
  for (const module of (await host.list(PATHS.data)).filter((name) => name !== AGENT)) {
    const path = `${PATHS.data}/${module}`
    if ((await host.stat(path))?.kind !== 'directory') continue
    found.push({ module, path, bytes: await bytesOf(host, path), inUse: used.has(module) })
  }
  return found
}

/** The agent's own folder. */
const AGENT = 'agent'

/** How much a folder takes on the disk; 0 when it cannot be told. */
export async function bytesOf(host: Host, path: string): Promise<number> {
  const { stdout } = await host.exec(['du', '--summarize', '--block-size=1', path], { timeoutMs: 300_000 })
  return Number(/^\d+/.exec(stdout)?.[0] ?? 0)
}

export type PurgeResult =
  | { readonly ok: true; readonly bytes: number }
  | { readonly ok: false; readonly message: string }

/**
 * Removes the data that a module left in /var/lib/sekisho. Refuses what a module of the generation in use or one of
 * `named`, the modules of router.yaml, works with.
 */
export async function purge(host: Host, module: string, named: readonly string[]): Promise<PurgeResult> {
  const release = await host.lock(PATHS.lock, 120)
  if (!release) return { ok: false, message: 'an apply is running. Fix: wait for it, then try again' }
  try {
    const all = await moduleData(host)
    const data = all.find((one) => one.module === module)
    if (data === undefined) {
      const idle = all.filter((one) => !isUsed(one, named)).map((one) => one.module)
      const have = idle.length > 0 ? `there is data of ${idle.join(', ')}` : 'there is none of any module'
      return { ok: false, message: `no data of a module ${JSON.stringify(module)} is kept: ${have}` }
    }
    if (isUsed(data, named))
      return {
        ok: false,
        message: `${module} is in use. Fix: take it out of router.yaml and apply, then purge what it left`,
      }
    await host.removeTree(data.path)
    return { ok: true, bytes: data.bytes }
  } finally {
    await release()
  }
}

/** Whether the generation in use or router.yaml has the module of this data. */
export function isUsed({ module, inUse }: ModuleData, named: readonly string[]): boolean {
  return inUse || named.includes(module)
}
