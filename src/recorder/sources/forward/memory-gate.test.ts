import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type Holder, MemoryGate } from './memory-gate.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function holder() {
  return { giveUp: vi.fn<() => void>() } satisfies Holder
}

/** Whether it may read on by now. */
async function passes(promise: Promise<void> | undefined): Promise<boolean> {
  let passed = false
  void Promise.resolve(promise).then(() => {
    passed = true
  })
  await vi.advanceTimersByTimeAsync(0)
  return passed
}

it('lets everybody read within the budget, and one beyond it', async () => {
  const gate = new MemoryGate(100)
  const [a, b, c] = [holder(), holder(), holder()]
  expect(await passes(gate.hold(a, 60))).toBe(true)
  expect(await passes(gate.hold(b, 60))).toBe(true)
  const waiting = gate.hold(c, 10)
  expect(await passes(waiting)).toBe(false)
  expect(await passes(gate.hold(b, 500))).toBe(true)
  // b's message is whole; c has room again.
  expect(await passes(gate.hold(b, 0))).toBe(true)
  expect(await passes(waiting)).toBe(true)
})

it('lets the next one read when the first is gone', async () => {
  const gate = new MemoryGate(100)
  const [a, b, c] = [holder(), holder(), holder()]
  expect(await passes(gate.hold(a, 200))).toBe(true)
  const [second, third] = [gate.hold(b, 200), gate.hold(c, 200)]
  gate.release(a)
  expect(await passes(second)).toBe(true)
  expect(await passes(third)).toBe(false)
  gate.release(b)
  expect(await passes(third)).toBe(true)
})

it('lets go of one that waits and goes', async () => {
  const gate = new MemoryGate(100)
  const [a, b] = [holder(), holder()]
  void gate.hold(a, 200)
  const waiting = gate.hold(b, 200)
  gate.release(b)
  expect(await passes(waiting)).toBe(true)
  gate.release(a)
  expect(await passes(gate.hold(holder(), 90))).toBe(true)
})

it('does not wait for ever for a message that does not come', async () => {
  const gate = new MemoryGate(100)
  const [a, b] = [holder(), holder()]
  void gate.hold(a, 200)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(a.giveUp).not.toHaveBeenCalled()
  void gate.hold(b, 200)
  await vi.advanceTimersByTimeAsync(31_000)
  expect(a.giveUp).toHaveBeenCalledOnce()
  expect(b.giveUp).not.toHaveBeenCalled()
})
