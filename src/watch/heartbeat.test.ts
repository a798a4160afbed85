import { expect, it } from 'vitest'
import { type Heartbeat, heartbeatLine, heartbeats } from './heartbeat.ts'

function read(...pieces: readonly string[]): Heartbeat[] {
  const list: Heartbeat[] = []
  const take = heartbeats((heartbeat) => list.push(heartbeat))
  for (const piece of pieces) take(piece)
  return list
}

it('reads what is written, in any pieces', () => {
  const text = heartbeatLine(3, 1) + heartbeatLine(5, 2)
  const both = [
    { events: 3, gaps: 1, undrainedMs: 0 },
    { events: 5, gaps: 2, undrainedMs: 0 },
  ]
  expect(read(text)).toEqual(both)
  expect(read(...text)).toEqual(both)
  expect(read('{"heartbeat":true,"events":1,"gaps":0,"undrainedMs":7000}\n')).toEqual([
    { events: 1, gaps: 0, undrainedMs: 7000 },
  ])
})

it('passes over what is none, and holds no endless line', () => {
  const junk = ['x\n', 'null\n', '{"heartbeat":true}\n', '{"heartbeat":true,"events":"1","gaps":0}\n']
  expect(read(...junk, heartbeatLine(1, 0))).toHaveLength(1)
  const endless = Array.from({ length: 1000 }, () => '['.repeat(1000))
  expect(read(...endless, '\n', heartbeatLine(1, 0))).toHaveLength(1)
})
