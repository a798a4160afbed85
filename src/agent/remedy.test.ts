import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LEAST_GAP_MS, NOTHING_TRIED, nextRemedy, remedyCommand } from './remedy.ts'

const MINUTE = 60_000

/** What is tried, with the minute, while it stays so for so many minutes. */
function tries(state: 'bad' | 'dead', minutes: number): string[] {
  let tried = NOTHING_TRIED
  const said: string[] = []
  for (let now = 0; now < minutes * MINUTE; now += 5000) {
    const next = nextRemedy(tried, state, now)
    tried = next.tried
    if (next.remedy) said.push(`${Math.round(now / MINUTE)} ${next.remedy}`)
  }
  return said
}

test('after a while, then more and more seldom; a link that carries something is never set up anew', () => {
  expect(tries('dead', 240)).toEqual([
    '0 renew',
    '5 reconnect',
    '15 renew',
    '35 reconnect',
    '75 renew',
    '135 reconnect',
    '195 renew',
  ])
  expect(tries('bad', 30)).toEqual(['0 renew', '5 renew', '15 renew'])
})

test('a short outage is waited for', () => {
  const { tried } = nextRemedy(NOTHING_TRIED, 'dead', 0)
  expect(nextRemedy(tried, 'dead', 19_000).remedy).toBeUndefined()
  expect(nextRemedy(nextRemedy(tried, 'good', 19_000).tried, 'dead', 21_000).remedy).toBeUndefined()
  expect(nextRemedy(tried, 'dead', 20_000).remedy).toBe('renew')
})

test('property: however it comes and goes, five minutes lie between two', () => {
  const step = fc.tuple(fc.constantFrom('good', 'bad', 'dead'), fc.nat({ max: 10 * MINUTE }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      let [tried, now, last] = [NOTHING_TRIED, 0, Number.NEGATIVE_INFINITY]
      for (const [state, later] of steps) {
        now += later
        const next = nextRemedy(tried, state, now)
        tried = next.tried
        if (next.remedy === undefined) continue
        expect(state).not.toBe('good')
        expect(now - last).toBeGreaterThanOrEqual(LEAST_GAP_MS)
        last = now
      }
    }),
  )
})

test('each mode has its own means', () => {
  expect(remedyCommand('dhcp', 'renew', 'wan0')).toEqual(['networkctl', 'renew', 'wan0'])
  expect(remedyCommand('dhcp', 'reconnect', 'wan0')).toEqual(['networkctl', 'reconfigure', 'wan0'])
  expect(remedyCommand('static', 'renew', 'wan0')).toBeUndefined()
  expect(remedyCommand('pppoe', 'renew', 'ppp-wan')).toEqual([
    'systemctl',
    'restart',
    'sekisho-pppoe.service',
  ])
})
