import { expect, it } from 'vitest'
import { hashToken, isToken, newToken } from './token.ts'

it('is read as people type it, and is another each time', () => {
  const token = newToken()
  expect(token).toMatch(/^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){2}$/)
  const hash = hashToken(token)
  for (const typed of [
    token,
    token.toUpperCase(),
    token.replaceAll('-', ''),
    ` ${token.replaceAll('-', ' ')}\n`,
  ])
    expect(isToken(typed, hash)).toBe(true)
  expect(isToken(token.replaceAll('0', 'O').replaceAll('1', 'l'), hash)).toBe(true)
  expect(newToken()).not.toBe(token)
})

it('is nothing shorter, longer or else', () => {
  const token = newToken()
  const hash = hashToken(token)
  for (const wrong of ['', '-', token.slice(1), `${token}0`, newToken(), hash])
    expect(isToken(wrong, hash)).toBe(false)
  for (const broken of ['', 'x', hash.slice(1)]) expect(isToken(token, broken)).toBe(false)
})
