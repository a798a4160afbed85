import { describe, expect, it } from 'vitest'
import { Shared } from './shared.ts'

function until<T>() {
  return Promise.withResolvers<T>()
}

describe('answers are shared', () => {
  it('the same question at once is answered once, and for a while after', async () => {
    const shared = new Shared()
    const { promise, resolve } = until<number>()
    let made = 0
    const make = (): Promise<number> => {
      made += 1
      return promise
    }
    const both = Promise.all([shared.get('a', undefined, make), shared.get('a', undefined, make)])
    resolve(7)
    expect(await both).toEqual([7, 7])
    expect(await shared.get('a', undefined, make)).toBe(7)
    expect(made).toBe(1)
    await shared.get('b', undefined, make)
    expect(made).toBe(2)
  })

  it('one who goes takes nothing from the others; when all are gone the work ends', async () => {
    const shared = new Shared()
    const { promise, resolve } = until<number>()
    const signals: AbortSignal[] = []
    const make = (signal: AbortSignal): Promise<number> => {
      signals.push(signal)
      return promise
    }
    const [one, other] = [new AbortController(), new AbortController()]
    const [first, second] = [shared.get('a', one.signal, make), shared.get('a', other.signal, make)]
    one.abort(new Error('gone'))
    await expect(first).rejects.toThrow('gone')
    expect(signals[0]?.aborted).toBe(false)
    other.abort(new Error('gone too'))
    await expect(second).rejects.toThrow('gone too')
    expect(signals[0]?.aborted).toBe(true)
    // Whoever asks now is not given what was given up.
    const third = shared.get('a', undefined, make)
    expect(signals).toHaveLength(2)
    resolve(1)
    expect(await third).toBe(1)
  })

  it('a failure is nobody else’s', async () => {
    const shared = new Shared()
    await expect(shared.get('a', undefined, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await shared.get('a', undefined, () => Promise.resolve(2))).toBe(2)
  })

  it('does not keep more than some', async () => {
    const shared = new Shared()
    let made = 0
    const ask = (i: number): Promise<number> =>
      shared.get(`question ${i}`, undefined, () => {
        made += 1
        return Promise.resolve(i)
      })
    for (let i = 0; i < 200; i++) await ask(i)
    await ask(0)
    expect(made).toBe(201)
    await ask(199)
    expect(made).toBe(201)
  })
})
