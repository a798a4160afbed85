import { expect, it } from 'vitest'
import type { LiveEvent } from '../dashboard-data.ts'
import { Listener } from './listener.ts'

function wan(ipv4: 'up' | 'down'): LiveEvent {
  return { event: 'wan', data: { ipv4, ipv6: 'up' } }
}

it('gives events in their order, and ends', async () => {
  const listener = new Listener()
  const events = listener.events()
  listener.take(wan('up'))
  listener.take(wan('down'))
  expect((await events.next()).value).toEqual(wan('up'))
  expect((await events.next()).value).toEqual(wan('down'))
  const waiting = events.next()
  listener.end()
  expect((await waiting).done).toBe(true)
})

it('who reads slowly misses the oldest', async () => {
  const listener = new Listener()
  listener.take(wan('down'))
  for (let i = 0; i < 10_000; i++) listener.take(wan('up'))
  listener.take(wan('down'))
  const seen: LiveEvent[] = []
  for await (const event of listener.events()) {
    seen.push(event)
    if (seen.length === 500) listener.end()
  }
  expect(seen).toHaveLength(500)
  expect([seen[0], seen.at(-1)]).toEqual([wan('up'), wan('down')])
})
