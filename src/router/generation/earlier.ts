import type { Host } from '../host.ts'
import type { GenerationOnDisk } from '../inventory.ts'
import { PATHS } from '../paths.ts'
import { linkedGeneration, listGenerations, readGeneration } from './generation.ts'
import { readUndone } from './undone.ts'

export type Earlier =
  | { readonly ok: true; readonly generation: GenerationOnDisk }
  | { readonly ok: false; readonly message: string }

/** The generation that a rollback means: the one named, or the one that was confirmed before the current one. */
export async function earlierGeneration(host: Host, named: number | undefined): Promise<Earlier> {
  const current = await linkedGeneration(host, PATHS.current)
  const all = await listGenerations(host)
  const see = `there are ${all.join(', ')}`
  if (named !== undefined && !all.includes(named))
    return { ok: false, message: `there is no generation ${named}. Fix: name one that is kept: ${see}` }
  const candidates =
    named === undefined ? all.filter((number) => number < (current ?? 0)).toReversed() : [named]
  for (const number of candidates) {
    if (named === undefined && (await readUndone(host, number))) continue
    const generation = await readGeneration(host, number)
    if (!generation) {
      if (named === undefined) continue
      return { ok: false, message: `generation ${number} was never finished. Fix: name another: ${see}` }
    }
    if (generation.drift.length === 0) return { ok: true, generation }
    const message = `generation ${number} was changed by hand since: ${generation.drift.join(', ')}. Fix: name another: ${see}`
    return { ok: false, message }
  }
  return { ok: false, message: `there is no generation before ${current ?? 'the first'} to go back to` }
}
