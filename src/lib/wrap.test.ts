import fc from 'fast-check'
import { expect, it } from 'vitest'
import { wrap } from './wrap.ts'

it('breaks between words, and leaves a word that is too long whole', () => {
  expect(wrap('  one two three', 20, '    ')).toBe('  one two three')
  expect(wrap('  one two three', 10, '    ')).toBe('  one two\n    three')
  expect(wrap('  averyverylongword x', 6, '    ')).toBe('  averyverylongword\n    x')
})

it('loses no word', () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 }),
      fc.nat(40),
      (words, width) => {
        const wrapped = wrap(words.join(' '), width, '  ')
        expect(wrapped.split(/\s+/)).toEqual(words)
        for (const line of wrapped.split('\n').filter((one) => one.trim().includes(' ')))
          expect(line.length).toBeLessThanOrEqual(width)
      },
    ),
  )
})
