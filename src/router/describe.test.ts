import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diffLines } from './describe.ts'

describe('diffLines', () => {
  it('shows what goes and what comes', () => {
    expect(diffLines('a\nb\nc\nd\n', 'a\nx\nc\nd\ne\n')).toEqual(['- b', '+ x', '+ e'])
    expect(diffLines('', 'a\n')).toEqual(['+ a'])
    expect(diffLines('a\n', 'a\n')).toEqual([])
  })

  it('accounts for every line', () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 })
    const text = (all: readonly string[]) => all.map((line) => `${line}\n`).join('')
    fc.assert(
      fc.property(lines, lines, (before, after) => {
        const diff = diffLines(text(before), text(after))
        const of = (sign: string) => diff.filter((line) => line.startsWith(sign)).map((line) => line.slice(2))
        const count = (all: readonly string[], line: string) => all.filter((other) => other === line).length
        for (const line of ['a', 'b', 'c', 'd'])
          expect(count(after, line) - count(before, line)).toBe(count(of('+ '), line) - count(of('- '), line))
        expect(before.length - of('- ').length).toBe(after.length - of('+ ').length)
      }),
    )
  })
})
