import type { Host } from '../host.ts'
import type { Manifest } from '../inventory.ts'
import { generationPath, listGenerations } from './generation.ts'

/**
 * Generations have the files in common that did not change, so that who edits one edits it in all of them. After
 * generation `number` has these paths as they should be, the others get them back from there, where their manifests
 * ask for the same: else the way back would lead to what was repaired.
 */
export async function healGenerations(host: Host, number: number, paths: readonly string[]): Promise<void> {
  if (paths.length === 0) return
  const whole = await manifestFiles(host, number)
  for (const other of (await listGenerations(host)).filter((one) => one !== number)) {
    const files = await manifestFiles(host, other)
    for (const path of paths) {
      const [good, wanted] = [whole.get(path), files.get(path)]
      if (good === undefined || good.sha256 !== wanted?.sha256 || good.mode !== wanted.mode) continue
      const target = `${generationPath(other)}/${path}`
      await host.remove(`${target}.whole`)
      await host.hardlink(`${generationPath(number)}/${path}`, `${target}.whole`)
      await host.rename(`${target}.whole`, target)
    }
  }
}

async function manifestFiles(host: Host, number: number): Promise<Map<string, Manifest['files'][number]>> {
  const text = await host.read(`${generationPath(number)}/manifest.json`)
  try {
    const { files } = JSON.parse(text ?? '') as Manifest
    return new Map(files.map((file) => [file.path, file]))
  } catch {
    return new Map() // It was never finished.
  }
}
