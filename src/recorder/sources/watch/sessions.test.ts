import { expect, it } from 'vitest'
import { Sessions } from './sessions.ts'

const stored: object[] = []
const store = async (position: object): Promise<void> => {
  stored.push(position)
}

it('gives with each frame a position that covers it, and knows what it covers', async () => {
  const sessions = new Sessions(null)
  await sessions.take('a', 1, store)
  await sessions.take('b', 5, store)
  await sessions.take('a', 2, store)
  expect(stored.at(-1)).toEqual({ b: 5, a: 2 })
  expect(sessions.taken('a', 2)).toBeDefined()
  expect(sessions.taken('a', 3)).toBeUndefined()
  const after = new Sessions(stored.at(-1))
  expect(after.taken('a', 2)).toBeDefined()
  expect(after.taken('b', 6)).toBeUndefined()
  expect(after.taken('c', 1)).toBeUndefined()
})

it('forgets who was silent longest', async () => {
  const sessions = new Sessions({ a: 1, b: 1 })
  for (let i = 0; i < 7; i++) await sessions.take(`s${i}`, 1, store)
  await sessions.take('b', 2, store)
  await sessions.take('new', 1, store)
  expect(Object.keys(stored.at(-1) ?? {})).toHaveLength(8)
  expect(sessions.taken('a', 1)).toBeUndefined()
  expect(sessions.taken('b', 2)).toBeDefined()
})

it('does not call stored what is on its way', async () => {
  const sessions = new Sessions(null)
  const disk = Promise.withResolvers<void>()
  const first = sessions.take('a', 1, () => disk.promise)
  const again = sessions.taken('a', 1)
  disk.reject(new Error('the disk refuses'))
  await expect(first).rejects.toThrow('refuses')
  await expect(again).rejects.toThrow('refuses')
})

it.each([null, undefined, 'x', 7, { a: 'x' }, { a: null }])(
  'begins anew from what is no position: %j',
  (saved) => {
    expect(new Sessions(saved).taken('a', 1)).toBeUndefined()
  },
)
