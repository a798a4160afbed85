import { describe, expect, test, vi } from 'vitest'
import { JobLoop, oneLine } from './job-loop.ts'

vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })

function loop(run: () => Promise<void>) {
  const outcomes: (string | undefined)[] = []
  const job = new JobLoop({ run, everyMs: 1000, settleMs: 100, onOutcome: (error) => outcomes.push(error) })
  return { job, outcomes }
}

describe('JobLoop', () => {
  test('runs at once, then in its rhythm', async () => {
    const run = vi.fn(async () => undefined)
    const { job } = loop(run)
    job.start()
    await vi.advanceTimersByTimeAsync(3500)
    expect(run).toHaveBeenCalledTimes(4)
    await job.stop()
    job.poke()
    await vi.advanceTimersByTimeAsync(5000)
    expect(run).toHaveBeenCalledTimes(4)
  })

  test('many pokes are one pass, and one during a pass is not lost', async () => {
    let release = () => {}
    const run = vi.fn(
      () =>
        new Promise<void>((resolve) => {
          release = resolve
        }),
    )
    const { job } = loop(run)
    job.start()
    await vi.advanceTimersByTimeAsync(0)
    job.poke()
    await vi.advanceTimersByTimeAsync(5000)
    // Never two at a time.
    expect(run).toHaveBeenCalledTimes(1)
    release()
    await vi.advanceTimersByTimeAsync(100)
    expect(run).toHaveBeenCalledTimes(2)
    release()
    for (let i = 0; i < 50; i++) {
      job.poke()
      await vi.advanceTimersByTimeAsync(1)
    }
    await vi.advanceTimersByTimeAsync(100)
    expect(run).toHaveBeenCalledTimes(3)
    release()
    await job.stop()
  })

  test('a failing pass is told once, and so is its end', async () => {
    const failures = ['down', 'down', 'up', 'up', 'down']
    const { job, outcomes } = loop(async () => {
      if (failures.shift() === 'down') throw new Error('no\nsuch\u001b[31m socket')
    })
    job.start()
    await vi.advanceTimersByTimeAsync(4500)
    await job.stop()
    expect(outcomes).toEqual(['no such [31m socket', undefined, 'no such [31m socket'])
  })

  test('an error is one short line', () => {
    expect(oneLine('')).toBe('unknown error')
    expect(oneLine(new Error('x'.repeat(1000)))).toHaveLength(300)
  })
})
