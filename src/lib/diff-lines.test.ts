import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diffLines, unifiedDiff } from './diff-lines.ts'

const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 24 })
const text = (all: readonly string[]) => all.map((line) => `${line}\n`).join('')

describe('diffLines', () => {
  it('shows what goes and what comes', () => {
    const shown = (before: string, after: string) =>
      diffLines(before, after).map((line) => line.sign + line.text)
    expect(shown('a\nb\nc\n', 'a\nx\nc\ne\n')).toEqual([' a', '-b', '+x', ' c', '+e'])
    expect(shown('', 'a\n')).toEqual(['+a'])
    expect(shown('a\n', 'a\n')).toEqual([' a'])
  })

  it('has all of both texts, in their order', () => {
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const diff = diffLines(text(before), text(after))
        const side = (sign: string) =>
          diff.filter((line) => [sign, ' '].includes(line.sign)).map((line) => line.text)
        expect(side('-')).toEqual(before)
        expect(side('+')).toEqual(after)
      }),
    )
  })
})

/** What patch(1) does with hunks, strictly: every line that stays or goes must be where they say. */
function patched(before: readonly string[], hunks: readonly string[]): string[] {
  const result: string[] = []
  let at = 0
  for (const line of hunks) {
    const header = /^@@ -(\d+),(\d+) \+(\d+),(\d+) @@$/.exec(line)
    if (header) {
      const [start, length, fresh] = [Number(header[1]), Number(header[2]), Number(header[3])]
      const first = length === 0 ? start : start - 1
      result.push(...before.slice(at, first))
      at = first
      expect(result.length).toBe(header[4] === '0' ? fresh : fresh - 1)
    } else if (line.startsWith('+')) {
      result.push(line.slice(1))
    } else {
      expect(line.slice(1)).toBe(before[at++])
      if (line.startsWith(' ')) result.push(line.slice(1))
    }
  }
  return [...result, ...before.slice(at)]
}

describe('unifiedDiff', () => {
  it('has three lines around a change', () => {
    expect(unifiedDiff('a\nb\nc\nd\ne\nf\n', 'a\nb\nc\nd\nE\nf\n')).toEqual([
      '@@ -2,5 +2,5 @@',
      ' b',
      ' c',
      ' d',
      '-e',
      '+E',
      ' f',
    ])
    expect(unifiedDiff('', 'a\n')).toEqual(['@@ -0,0 +1,1 @@', '+a'])
  })

  it('makes the one text of the other', () => {
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const hunks = unifiedDiff(text(before), text(after))
        expect(hunks.length === 0).toBe(text(before) === text(after))
        expect(patched(before, hunks)).toEqual(after)
      }),
      { numRuns: 300 },
    )
  })
})
