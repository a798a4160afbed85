import { z } from 'zod'
import type { Host } from '../host.ts'
import { PATHS } from '../paths.ts'
import { generationPath, linkedGeneration, listGenerations } from './generation.ts'

export interface GenerationBudget {
  /** How many stay. */
  readonly keep: number
  /** What they may take together, in bytes: their files, and the images that nothing else holds. */
  readonly maxBytes: number
  /** Images that stay whatever happens to the generations: those of installed releases. */
  readonly pinned?: readonly string[]
  /** Called after some went. */
  readonly onDropped?: (numbers: readonly number[]) => Promise<void>
}

/**
 * Removes the oldest generations beyond the budget, never the one in use or the confirmed one. A file that several
 * have in common is counted once. Returns the numbers that went.
 */
export async function pruneGenerations(
  host: Host,
  { keep, maxBytes, pinned = [], onDropped }: GenerationBudget,
): Promise<number[]> {
  const numbers = (await listGenerations(host)).toReversed()
  const linked = [await linkedGeneration(host, PATHS.current), await linkedGeneration(host, PATHS.confirmed)]
  const sacred = numbers.filter((number) => linked.includes(number))
  // What stays in any case is counted first: the others cost what they have beyond it.
  const order = [...sacred, ...numbers.filter((number) => !sacred.includes(number))]
  const costs = await costsOf(host, order, pinned)
  let left = maxBytes
  let dropping = false
  const dropped: number[] = []
  for (const number of order) {
    left -= costs.get(number) ?? 0
    if (sacred.includes(number)) continue
    dropping ||= left < 0 || numbers.indexOf(number) >= keep
    if (!dropping) continue
    await host.removeTree(generationPath(number))
    dropped.push(number)
  }
  if (dropped.length > 0) await onDropped?.(dropped)
  return dropped.toReversed()
}

/** What each generation takes beyond those before it in the list, in bytes. */
async function costsOf(
  host: Host,
  order: readonly number[],
  pinned: readonly string[],
): Promise<Map<number, number>> {
  if (order.length === 0) return new Map()
  const images = new Map<number, readonly string[]>()
  for (const number of order) images.set(number, await imagesOf(host, number))
  const paths = order.map(generationPath)
  // du(1) counts a file with several names once, in the folder that comes first.
  const { stdout } = await host.exec(['du', '--summarize', '--block-size=1', '--', ...paths])
  const files = new Map(
    [...stdout.matchAll(/^(\d+)\t(.*)$/gm)].map(([, bytes, path]) => [path ?? '', Number(bytes)]),
  )
  const sizes = await imageSizes(host, [...new Set([...images.values()].flat())], pinned)
  const counted = new Set(pinned)
  return new Map(
    order.map((number, i) => {
      const fresh = (images.get(number) ?? []).filter((ref) => !counted.has(ref))
      for (const ref of fresh) counted.add(ref)
      const bytes = fresh.reduce((sum, ref) => sum + (sizes.get(ref) ?? 0), files.get(paths[i] ?? '') ?? 0)
      return [number, bytes]
    }),
  )
}

const Images = z.object({ images: z.array(z.object({ image: z.string() })) })

async function imagesOf(host: Host, number: number): Promise<string[]> {
  const text = await host.read(`${generationPath(number)}/manifest.json`)
  try {
    const manifest = Images.parse(JSON.parse(text ?? ''))
    return [...new Set(manifest.images.map(({ image }) => image))]
  } catch {
    return [] // It was never finished.
  }
}

const Inspected = z.array(
  z.object({
    RepoTags: z.array(z.string()).nullable(),
    Size: z.number(),
    RootFS: z.object({ Layers: z.array(z.string()).nullish() }),
  }),
)

/**
 * How many bytes each image has to itself: its size without that of the largest other image that it is built on. An
 * image that is not there takes none. Docker is asked only when there is one that nothing else holds.
 */
async function imageSizes(
  host: Host,
  refs: readonly string[],
  pinned: readonly string[],
): Promise<Map<string, number>> {
  if (refs.every((ref) => pinned.includes(ref))) return new Map()
  const all = [...new Set([...refs, ...pinned])]
  // An image that is missing makes it fail, and does not keep it from telling of the others.
  const { stdout } = await host.exec(['docker', 'image', 'inspect', '--', ...all], { timeoutMs: 20_000 })
  const images = parseInspected(stdout)
  const isBase = (base: readonly string[], layers: readonly string[]) =>
    base.length < layers.length && base.every((layer, i) => layer === layers[i])
  return new Map(
    images.flatMap(({ RepoTags, Size, RootFS }) => {
      const layers = RootFS.Layers ?? []
      const shared = images.filter((other) => isBase(other.RootFS.Layers ?? [], layers))
      const bytes = Math.max(0, Size - Math.max(0, ...shared.map((other) => other.Size)))
      return (RepoTags ?? []).map((tag) => [tag, bytes] as const)
    }),
  )
}

function parseInspected(text: string): z.output<typeof Inspected> {
  try {
    return Inspected.parse(JSON.parse(text))
  } catch {
    return [] // Docker does not answer: what it would say is for the next time.
  }
}
