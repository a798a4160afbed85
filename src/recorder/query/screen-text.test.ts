import fc from 'fast-check'
import { expect, it } from 'vitest'
import { clip, screenText, screenWidth } from './screen-text.ts'

it('lets nothing through that a terminal obeys', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      const safe = screenText(text)
      expect(safe).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u)
      expect(screenText(safe)).toBe(safe)
    }),
  )
})

it.each([
  ['\u001b[31mred', '\\x1b[31mred'],
  ['a\tb\nc\r', 'a\\tb\\nc\\r'],
  ['\u202etxt.exe', '\\u{202e}txt.exe'],
  ['half \ud800 pair', 'half \\u{d800} pair'],
  ['日本語 é 👍', '日本語 é 👍'],
])('shows %j as %s', (text, shown) => {
  expect(screenText(text)).toBe(shown)
})

it('knows how wide text is', () => {
  expect(['abc', '日本', 'e\u0301', 'ｶﾅ', '👍'].map(screenWidth)).toEqual([3, 4, 1, 2, 2])
})

it('cuts to a width, never in the middle of a character', () => {
  expect(clip('abcdef', 6)).toBe('abcdef')
  expect(clip('abcdef', 4)).toBe('abc…')
  expect(clip('日本語', 5)).toBe('日本…')
  expect(clip('日本語', 4)).toBe('日…')
})
