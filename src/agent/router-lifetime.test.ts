import { describe, expect, test } from 'vitest'
import { ROUTE_GRACE_MS, ROUTE_SETTLE_MS, RouterLifetime } from './router-lifetime.ts'

describe('RouterLifetime', () => {
  test('the first look decides', () => {
    expect(new RouterLifetime().observe(true, 0)).toBe(true)
    expect(new RouterLifetime().observe(false, 0)).toBe(false)
  })

  test('a route is announced when it has stayed', () => {
    const lifetime = new RouterLifetime()
    lifetime.observe(false, 0)
    expect(lifetime.observe(false, 60_000)).toBe(false)
    expect(lifetime.observe(true, 60_500)).toBe(false)
    expect(lifetime.observe(true, 60_500 + ROUTE_SETTLE_MS)).toBe(true)
  })

  test('a short loss is not told, a long one is', () => {
    const lifetime = new RouterLifetime()
    lifetime.observe(true, 0)
    expect(lifetime.observe(false, 10_000)).toBe(true)
    expect(lifetime.observe(true, 10_000 + ROUTE_GRACE_MS - 1)).toBe(true)
    expect(lifetime.observe(false, 20_000)).toBe(true)
    expect(lifetime.observe(false, 20_000 + ROUTE_GRACE_MS - 1)).toBe(true)
    expect(lifetime.observe(false, 20_000 + ROUTE_GRACE_MS)).toBe(false)
  })
})
