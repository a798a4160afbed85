import type { UsedPort } from './port-names.ts'
import { Refusal } from './refusal.ts'

/** Names of ports in the backup → names of ports of this machine. */
export type PortMap = ReadonlyMap<string, string>

/**
 * Reads --map options, each NEW=OLD: this machine's port, then the name that it had in the backup. The other way round
 * is understood too where only that makes sense of all of them; where both do, "old:NAME" marks the name in the
 * backup. Throws a Refusal that says what is wrong.
 */
export function readMaps(maps: readonly string[], used: readonly string[], here: readonly string[]): PortMap {
  const pairs = maps.map(pairOf)
  const readings = [
    pairs.map(({ marked, left, right }) => (marked === 'left' ? [left, right] : [right, left])),
    pairs.map(({ marked, left, right }) => (marked === 'right' ? [right, left] : [left, right])),
  ]
  const problems = readings.map((reading) => problemOf(reading as [string, string][], used, here))
  const good = readings.filter((_, i) => problems[i] === undefined)
  const [first, second] = good as [string, string][][]
  if (first === undefined) {
    const fix = `write --map NEW=OLD; in the backup: ${used.join(', ') || 'none'}; here: ${here.join(', ') || 'none'}`
    throw new Refusal(problems[0] ?? 'the --map options cannot be read', fix)
  }
  if (second !== undefined && !sameMap(new Map(first), new Map(second)))
    throw new Refusal(
      `--map ${maps.join(' --map ')} can be read in two ways`,
      `mark the name that the backup has, like --map ${pairs[0]?.left}=old:${pairs[0]?.right}`,
    )
  return new Map(first)
}

interface Pair {
  readonly left: string
  readonly right: string
  readonly marked?: 'left' | 'right'
}

function pairOf(text: string): Pair {
  const match = /^(old:)?([^=:\s]+)=(old:)?([^=:\s]+)$/.exec(text)
  const [, before, left = '', after, right = ''] = match ?? []
  if (!match || (before && after))
    throw new Refusal(
      `--map ${JSON.stringify(text.slice(0, 60))} is not NEW=OLD`,
      'write it like --map enp2s0=lan0',
    )
  return { left, right, ...(before ? { marked: 'left' } : after ? { marked: 'right' } : {}) }
}

/** What is wrong with pairs of old and new names, in words. */
function problemOf(
  pairs: readonly (readonly [string, string])[],
  used: readonly string[],
  here: readonly string[],
): string | undefined {
  for (const [old, now] of pairs) {
    if (!used.includes(old)) return `the backup's router.yaml uses no port ${old}`
    if (!here.includes(now)) return `this machine has no port ${now}`
  }
  if (new Set(pairs.map(([old]) => old)).size < pairs.length) return 'one port of the backup is mapped twice'
  if (new Set(pairs.map(([, now]) => now)).size < pairs.length)
    return 'one port of this machine is given twice'
  return undefined
}

function sameMap(a: PortMap, b: PortMap): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value)
}

/**
 * Completes a map: a port that is not in it keeps its name when this machine has that and nothing else took it.
 * `missing` are those that remain.
 */
export function completeMap(
  given: PortMap,
  used: readonly UsedPort[],
  here: readonly string[],
): { readonly map: PortMap; readonly missing: readonly UsedPort[] } {
  const taken = new Set(given.values())
  const map = new Map(given)
  const missing: UsedPort[] = []
  for (const port of used) {
    if (map.has(port.name)) continue
    if (here.includes(port.name) && !taken.has(port.name)) map.set(port.name, port.name)
    else missing.push(port)
  }
  return { map, missing }
}
