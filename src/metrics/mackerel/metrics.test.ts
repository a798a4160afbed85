import { describe, expect, it, test } from 'vitest'
import { metricsSettings } from '../../../tests/metrics-settings.ts'
import { sampleReadings } from '../../../tests/sample-readings.ts'
import { customMetrics } from './custom-metrics.ts'
import { graphDefs } from './graph-defs.ts'
import { hostMetrics } from './host-metrics.ts'
import { MAX_MONITORS, missingMonitors, wantedMonitors } from './monitors.ts'

const settings = metricsSettings('/nowhere')
const posts = { waiting: 1, givenUp: 2, refused: 3 }
const before = sampleReadings(0)
const now = sampleReadings(60)

test("the host's metrics, with rates by the second", () => {
  expect(hostMetrics(before, now)).toEqual({
    loadavg1: 0.1,
    loadavg5: 0.2,
    loadavg15: 0.3,
    // Two processors: 200 in all; what a guest had is not the user's as well.
    'cpu.user.percentage': 25,
    'cpu.guest.percentage': 25,
    'cpu.idle.percentage': 150,
    ...Object.fromEntries(
      ['nice', 'system', 'iowait', 'irq', 'softirq', 'steal'].map((mode) => [`cpu.${mode}.percentage`, 0]),
    ),
    'memory.total': 4e9,
    'memory.available': 3e9,
    'memory.mem_available': 3e9,
    'memory.used': 1e9,
    'memory.swap_total': 1e9,
    'memory.swap_free': 9e8,
    'memory.swap_used': 1e8,
    'memory.swap_cached': 1e7,
    'disk.sda.reads.delta': 3,
    'disk.sda.writes.delta': 4,
    'interface.lo.rxBytes.delta': 100,
    'interface.lo.txBytes.delta': 50,
    'interface.lan1_20.rxBytes.delta': 7,
    'interface.lan1_20.txBytes.delta': 0,
    'filesystem.sda1.size': 1e10,
    'filesystem.sda1.used': 4e9,
  })
})

test("the router's own", () => {
  const found = customMetrics(before, now, settings, posts)
  expect(found).toMatchObject({
    'custom.sekisho.wan.rx': 100,
    'custom.sekisho.wan_latency.resolver': 12,
    'custom.sekisho.wan_up.ipv6': 0,
    'custom.sekisho.connections.tracked': 12,
    'custom.sekisho.dns.queries': 10,
    'custom.sekisho.dns_cache.hit_ratio': 80,
    'custom.sekisho.leases.home': 3,
    'custom.sekisho.recorder.received': 2,
    'custom.sekisho.archive.stored': 65_000,
    'custom.sekisho.archive_cost.yen': 1.5,
    'custom.sekisho.posts.given_up': 2,
  })
  expect(found['custom.sekisho.dns_latency.p50']).toBeCloseTo(98.304, 3)
  // No such network has leases.
  expect(found).not.toHaveProperty('custom.sekisho.leases.guest')
})

test('every one of them is in a graph, and each graph has one of them', () => {
  const defs = graphDefs(settings.networks)
  const drawn = new Set(defs.flatMap(({ metrics }) => metrics.map(({ name }) => name)))
  const found = Object.keys(customMetrics(before, now, settings, posts))
  expect(found.filter((name) => !drawn.has(name))).toEqual([])
  expect([...drawn].filter((name) => !found.includes(name))).toEqual(['custom.sekisho.leases.guest'])
})

test('what began anew between two looks has no rate', () => {
  const restarted = sampleReadings(-5, { monotonicMs: 60_000 })
  const found = { ...hostMetrics(before, restarted), ...customMetrics(before, restarted, settings, posts) }
  for (const name of ['interface.lo.rxBytes.delta', 'custom.sekisho.wan.rx', 'custom.sekisho.dns.queries'])
    expect(found).not.toHaveProperty(name)
  for (const value of Object.values(found)) expect(value).toBeGreaterThanOrEqual(0)
})

test('a standard host has 200 metrics, and a router with many devices is one', () => {
  const many = <T>(one: T) => Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x${i}`, one]))
  const wide = (secs: number) =>
    sampleReadings(secs, {
      disks: many({ reads: secs, readBytes: 0, writes: secs, writtenBytes: 0 }),
      interfaces: many(sampleReadings(secs).interfaces.lo as NonNullable<typeof before.interfaces.lo>),
    })
  const networks = Array.from({ length: 20 }, (_, i) => ({ name: `net${i}`, subnetId: 1 }))
  const all = {
    ...hostMetrics(wide(0), wide(60)),
    ...customMetrics(wide(0), wide(60), { ...settings, networks }, posts),
  }
  expect(Object.keys(all).length).toBeLessThan(200)
})

describe('monitors', () => {
  const own = { type: 'connectivity', scopes: [] }

  it('are the four of the article, of the roles when there are some', () => {
    expect(wantedMonitors(['home:router']).map((one) => ('metric' in one ? one.metric : one.type))).toEqual([
      'connectivity',
      'cpu%',
      'disk%',
      'memory%',
    ])
    for (const one of wantedMonitors(['home:router'])) expect(one.scopes).toEqual(['home:router'])
    for (const one of wantedMonitors([])) expect(one).not.toHaveProperty('scopes')
  })

  it('are made once, by name, whatever somebody made of them', () => {
    const wanted = wantedMonitors([])
    const there = wanted.map(({ type, name }) => ({ type, name, scopes: ['elsewhere'] }))
    expect(missingMonitors(wanted, there)).toEqual({ make: [], noRoom: [] })
    expect(missingMonitors(wanted, [own]).make.map(({ type }) => type)).toEqual(['host', 'host', 'host'])
  })

  it('are no more than the free plan has', () => {
    const others = Array.from({ length: MAX_MONITORS - 2 }, () => ({ type: 'external', scopes: [] }))
    const { make, noRoom } = missingMonitors(wantedMonitors([]), others)
    expect([make.length, noRoom.length]).toEqual([2, 2])
  })
})
