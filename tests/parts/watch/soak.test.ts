import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Soaked } from './soak-day.ts'

/*
 * A day of DNS, of connections and of events, each simulated in a process of its own, whose memory is looked at four times.
 * A bug that keeps ten bytes of each makes it grow by 8 MB from the first look to the last.
 */

const run = promisify(execFile)
const PROGRAM = join(import.meta.dirname, 'soak.ts')
const COUNT = process.env.SEKISHO_FULL === '1' ? 10_000_000 : 1_000_000
const MiB = 1024 * 1024
/** Code that is compiled later, and tables that are half full at one time and a bit more at another. */
const MARGIN = MiB
/** What the collector keeps for itself is up to it. */
const RSS_MARGIN = 96 * MiB
/** Against hangs only. */
const TIMEOUT_MS = 1_800_000

async function soak(part: string): Promise<Soaked> {
  const argv = ['--expose-gc', '--disable-warning=ExperimentalWarning', PROGRAM, part, String(COUNT)]
  return JSON.parse((await run(process.execPath, argv)).stdout) as Soaked
}

function expectFlat({ marks }: Soaked): void {
  expect(marks.map(({ hour }) => hour)).toEqual([6, 12, 18, 24])
  const [first, last] = [marks[0], marks.at(-1)]
  if (!first || !last) return
  // With fewer, what is left of each would go unnoticed.
  expect(last.done - first.done).toBeGreaterThan(500_000)
  for (const { usedBytes, rssBytes } of marks) {
    expect(usedBytes).toBeLessThan(first.usedBytes + MARGIN)
    expect(rssBytes).toBeLessThan(first.rssBytes + RSS_MARGIN)
  }
}

describe('in a day', { timeout: TIMEOUT_MS }, () => {
  it('each DNS message is in a transaction or in a count, and nothing of it stays', async () => {
    const soaked = await soak('dns')
    expect(soaked.counts).toEqual(soaked.expected)
    expect(soaked.counts.messages).toBeGreaterThan(2_000_000)
    for (const [name, count] of Object.entries(soaked.counts))
      if (name !== 'open') expect(count, name).toBeGreaterThan(0)
    expectFlat(soaked)
  })

  it('records of connections have what the kernel told, and nothing of them stays', async () => {
    const soaked = await soak('flows')
    expect(soaked.counts).toEqual(soaked.expected)
    for (const [name, count] of Object.entries(soaked.seen)) expect(count, name).toBeGreaterThan(0)
    expectFlat(soaked)
  })

  it('each event is told, held back or refused, and nothing of it stays', async () => {
    const soaked = await soak('events')
    expect(soaked.counts).toEqual(soaked.expected)
    for (const [name, count] of Object.entries(soaked.seen)) expect(count, name).toBeGreaterThan(0)
    expectFlat(soaked)
  })
})
