import { describe, expect, it } from 'vitest'
import { Attempts } from './attempts.ts'

const MINUTE = 60_000

function attempts() {
  let now = 0
  return {
    it: new Attempts(() => now),
    pass: (ms: number): void => {
      now += ms
    },
  }
}

describe('attempts', () => {
  it('wait twice as long each time, up to a quarter of an hour', () => {
    const { it: attempt, pass } = attempts()
    for (let i = 0; i < 5; i++) expect(attempt.begin('10.0.0.9')).toBe(0)
    const waits: number[] = []
    for (let i = 0; i < 12; i++) {
      const wait = attempt.begin('10.0.0.9')
      waits.push(wait)
      // To ask while waiting changes nothing.
      expect(attempt.begin('10.0.0.9')).toBe(wait)
      pass(wait)
      expect(attempt.begin('10.0.0.9')).toBe(0)
    }
    const seconds = [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]
    expect(waits).toEqual(seconds.map((each) => each * 1000))
  })

  it('of a source are no other source, and those of an IPv6 /64 are one', () => {
    const { it: attempt } = attempts()
    for (let i = 0; i < 5; i++) attempt.begin(`fd00:0:0:1::${i + 1}`)
    expect(attempt.begin('fd00:0:0:1:ffff::9')).toBeGreaterThan(0)
    expect(attempt.begin('fd00:0:0:2::1')).toBe(0)
    for (let i = 0; i < 5; i++) attempt.begin('10.0.0.9')
    expect(attempt.begin('::ffff:10.0.0.9')).toBeGreaterThan(0)
    expect(attempt.begin('10.0.0.8')).toBe(0)
  })

  it('that come from everywhere wait too', () => {
    const { it: attempt } = attempts()
    const waits = Array.from({ length: 60 }, (_, i) => attempt.begin(`10.0.${i}.1`))
    expect(waits.slice(0, 40)).toEqual(Array(40).fill(0))
    expect(waits.slice(40).every((wait) => wait > 0)).toBe(true)
  })

  it('are forgotten with the right password, and with time', () => {
    const { it: attempt, pass } = attempts()
    for (let i = 0; i < 4; i++) attempt.begin('10.0.0.9')
    attempt.begin('10.0.0.9')
    attempt.succeeded('10.0.0.9')
    expect(attempt.begin('10.0.0.9')).toBe(0)
    for (let i = 0; i < 4; i++) attempt.begin('10.0.0.9')
    expect(attempt.begin('10.0.0.9')).toBeGreaterThan(0)
    pass(61 * MINUTE)
    expect(attempt.begin('10.0.0.9')).toBe(0)
  })

  it('are remembered of no more than a thousand sources, so that their number fills no memory', () => {
    const { it: attempt, pass } = attempts()
    for (let i = 0; i < 5; i++) attempt.begin('10.0.0.9')
    for (let i = 0; i < 1100; i++) {
      // Beyond the patience with all of them together.
      pass(MINUTE)
      attempt.begin(`fd00:0:0:${i.toString(16)}::1`)
    }
    // The oldest is the one that was forgotten: it waits no more than everybody does.
    pass(MINUTE)
    expect(attempt.begin('10.0.0.9')).toBe(0)
  })
})
