import { expect, it } from 'vitest'
import { judge, type Observed } from './watchdog.ts'

const READS: Observed = {
  aliveMs: 100_000,
  silentMs: 900,
  undrainedMs: 0,
  tracked: { count: 10, max: 262_144 },
}

it.each<[string, Partial<Observed>, string | undefined]>([
  ['reads', {}, undefined],
  ['was late once', { silentMs: 4000 }, undefined],
  ['is stopped', { silentMs: 5100 }, 'it has not read for 5.1 s'],
  ['says that it does not read', { undrainedMs: 6000 }, 'it has not read for 6.0 s'],
  ['reads while the table is full', { tracked: { count: 262_144, max: 262_144 } }, undefined],
  ['is late while the table is half full', { silentMs: 2100, tracked: { count: 5, max: 10 } }, undefined],
  [
    'is late while the table is over half full',
    { silentMs: 2100, tracked: { count: 6, max: 10 } },
    'it has not read for 2.1 s, and connection tracking has 6 of 10',
  ],
  ['starts', { silentMs: undefined, aliveMs: 10_000, tracked: { count: 9, max: 10 } }, undefined],
  ['never starts', { silentMs: undefined, aliveMs: 21_000 }, 'it did not start'],
  ['is late where no table is seen', { silentMs: 2100, tracked: undefined }, undefined],
])('one that %s', (_, observed, verdict) => {
  expect(judge({ ...READS, ...observed })).toBe(verdict)
})
