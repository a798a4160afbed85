import { expect, it } from 'vitest'
import { Kept } from './kept.ts'

it('is made once for all who wait, and serves for a while', async () => {
  let made = 0
  const kept = new Kept(60_000, () => Promise.resolve(++made))
  expect(await Promise.all([kept.soon(1000), kept.soon(1000)])).toEqual([1, 1])
  expect(await kept.soon(0)).toBe(1)
})

it('what takes too long is there the next time, and until then what was', async () => {
  const answers = [Promise.withResolvers<string>(), Promise.withResolvers<string>()]
  let asked = 0
  const kept = new Kept(-1, () => answers[asked++]?.promise ?? Promise.reject(new Error('none')))
  expect(await kept.soon(1)).toBeUndefined()
  answers[0]?.resolve('old')
  expect(await kept.soon(60_000)).toBe('old')
  expect(await kept.soon(1)).toBe('old')
  answers[1]?.resolve('new')
  expect(await kept.soon(60_000)).toBe('new')
  // A failure leaves what is known.
  expect(await kept.soon(60_000)).toBe('new')
})
