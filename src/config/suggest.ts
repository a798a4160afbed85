/**
 * The known word that a wrong one was probably meant to be, by edit distance (insert, delete, replace, swap
 * neighbours) of at most a third of its length, case and "-"/"_" aside; undefined when none is near.
 */
export function suggest(wrong: string, known: readonly string[]): string | undefined {
  const plain = fold(wrong)
  if (plain.length > 64) return undefined
  const near = known
    .map((word) => ({ word, distance: distance(plain, fold(word)) }))
    .filter(({ word, distance: d }) => d <= Math.max(1, Math.floor(Math.min(word.length, plain.length) / 3)))
    // A word of two letters is near to everything.
    .filter(({ word, distance: d }) => d === 0 || Math.min(word.length, plain.length) > 2)
    .toSorted((a, b) => a.distance - b.distance)
  return near[0]?.word
}

function fold(word: string): string {
  return word.toLowerCase().replace(/[-_ ]/g, '')
}

/** Optimal string alignment distance. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let best = Math.min(
        (previous[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + (same ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (before[j - 2] ?? 0) + 1)
      row.push(best)
    }
    before = previous
    previous = row
  }
  return previous[b.length] ?? 0
}
