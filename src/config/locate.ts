import { type Alias, isAlias, isMap, isNode, isScalar, isSeq, type Node, type Pair } from 'yaml'
import type { Location } from './issue.ts'

/** Offsets into the text, in UTF-16 units: the first of the thing, and the first after it. */
export type Range = readonly [number, number]

/**
 * Turns offsets into a line, a column and a width in characters (code points). The result always lies in the
 * text: what ends before it begins, or runs over the line's end, is cut.
 */
export function locateRange(file: string, text: string, start: number, end: number): Location {
  let from = Math.max(0, Math.min(start, text.length))
  // A thing missing at the end of the file is shown after the last line that has something.
  if (from === text.length) from = text.trimEnd().length
  const lineStart = text.lastIndexOf('\n', from - 1) + 1
  const newline = text.indexOf('\n', lineStart)
  const lineEnd = newline < 0 ? text.length : newline
  from = Math.max(lineStart, Math.min(from, lineEnd - 1))
  // A character outside the BMP is two units: begin with its first.
  if (
    from > lineStart &&
    /[\udc00-\udfff]/.test(text[from] ?? '') &&
    /[\ud800-\udbff]/.test(text[from - 1] ?? '')
  )
    from--
  const to = Math.min(Math.max(end, from + 1), lineEnd)
  let line = 1
  for (let at = text.indexOf('\n'); at >= 0 && at < lineStart; at = text.indexOf('\n', at + 1)) line++
  return {
    file,
    line,
    column: characters(text.slice(lineStart, from)) + 1,
    width: Math.max(1, characters(text.slice(from, to).trimEnd())),
  }
}

/** Length in code points. */
function characters(text: string): number {
  return text.length - (text.match(/[\ud800-\udbff](?=[\udc00-\udfff])/g)?.length ?? 0)
}

/** Finds the range that shows a path best: see Source.locate. `aliases` gives each alias's node. */
export function locateIn(
  root: Node | null,
  aliases: ReadonlyMap<Alias, Node>,
  path: readonly (string | number)[],
  at: 'key' | 'value',
): Range {
  let node: Node | null = root
  let shown: Range | undefined
  for (const [depth, step] of path.entries()) {
    const parent: Node | undefined = isAlias(node) ? aliases.get(node) : (node ?? undefined)
    let child: Node | null
    let key: Range | undefined
    if (isMap(parent)) {
      const pair: Pair | undefined = parent.items.find(
        (p) => isScalar(p.key) && String(p.key.value) === String(step),
      )
      if (!pair) break
      key = isNode(pair.key) ? rangeOf(pair.key) : undefined
      child = isNode(pair.value) ? pair.value : null
    } else if (isSeq(parent) && typeof step === 'number' && step < parent.items.length) {
      const item: unknown = parent.items[step]
      child = isNode(item) ? item : null
    } else {
      break
    }
    node = child
    const value = child ? rangeOf(child) : undefined
    const isLast = depth === path.length - 1
    const leaf = isScalar(child) && value !== undefined && value[1] > value[0]
    // A mapping or a list starts on the line after its key, where a caret says little.
    shown = ((isLast && at === 'key') || !leaf ? key : undefined) ?? value ?? shown
  }
  return shown ?? (root ? rangeOf(root) : undefined) ?? [0, 0]
}

function rangeOf(node: Node): Range | undefined {
  return node.range ? [node.range[0], node.range[1]] : undefined
}
