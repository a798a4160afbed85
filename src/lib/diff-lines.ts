/** A line that goes ("-"), comes ("+") or stays (" "). */
export interface DiffLine {
  readonly sign: '-' | '+' | ' '
  readonly text: string
}

/** Longest files whose lines are compared one with each other; of larger ones everything goes and comes. */
const COMPARED = 2000

/** What becomes of each line between two texts, with as many as possible staying. */
export function diffLines(before: string, after: string): DiffLine[] {
  const one = split(before)
  const two = split(after)
  let start = 0
  while (start < one.length && start < two.length && one[start] === two[start]) start++
  let end = 0
  while (end < one.length - start && end < two.length - start && one.at(-1 - end) === two.at(-1 - end)) end++
  const stays = (text: string): DiffLine => ({ sign: ' ', text })
  return [
    ...one.slice(0, start).map(stays),
    ...middle(one.slice(start, one.length - end), two.slice(start, two.length - end)),
    ...one.slice(one.length - end).map(stays),
  ]
}

function middle(a: readonly string[], b: readonly string[]): DiffLine[] {
  const gone = (text: string): DiffLine => ({ sign: '-', text })
  const come = (text: string): DiffLine => ({ sign: '+', text })
  if (a.length * b.length > COMPARED * COMPARED) return [...a.map(gone), ...b.map(come)]
  // Lengths of the longest common subsequence of the tails.
  const width = b.length + 1
  const common = new Uint32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const here = i * width + j
      common[here] =
        a[i] === b[j]
          ? (common[here + width + 1] ?? 0) + 1
          : Math.max(common[here + width] ?? 0, common[here + 1] ?? 0)
    }
  }
  const lines: DiffLine[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const here = i * width + j
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ sign: ' ', text: a[i++] ?? '' })
      j++
    } else if (j >= b.length || (i < a.length && (common[here + width] ?? 0) >= (common[here + 1] ?? 0))) {
      lines.push(gone(a[i++] ?? ''))
    } else {
      lines.push(come(b[j++] ?? ''))
    }
  }
  return lines
}

function split(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}

/** Lines around a change that say where it is. */
const CONTEXT = 3

/**
 * The hunks of a unified diff (POSIX diff -u), without the names of the files; empty when the texts are the same.
 */
export function unifiedDiff(before: string, after: string): string[] {
  const lines = diffLines(before, after)
  const near = (at: number) =>
    lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ sign }) => sign !== ' ')
  const hunks: string[] = []
  let [old, fresh] = [1, 1]
  for (let at = 0; at < lines.length; ) {
    if (!near(at)) {
      // Far from any change a line stays, on both sides.
      ;[at, old, fresh] = [at + 1, old + 1, fresh + 1]
      continue
    }
    const first = at
    while (at < lines.length && near(at)) at++
    const hunk = lines.slice(first, at)
    const [left, right] = [count(hunk, '-'), count(hunk, '+')]
    hunks.push(`@@ -${range(old, left)} +${range(fresh, right)} @@`)
    hunks.push(...hunk.map(({ sign, text }) => sign + text))
    ;[old, fresh] = [old + left, fresh + right]
  }
  return hunks
}

function count(hunk: readonly DiffLine[], side: '-' | '+'): number {
  return hunk.filter(({ sign }) => sign === side || sign === ' ').length
}

/** A side without lines is said to be after the line before it. */
function range(start: number, length: number): string {
  return `${length === 0 ? start - 1 : start},${length}`
}
