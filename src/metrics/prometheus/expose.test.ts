import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { dashboardMetrics } from '../../../tests/dashboard-metrics.ts'
import { metricsSettings } from '../../../tests/metrics-settings.ts'
import { parseScrape } from '../../../tests/parse-scrape.ts'
import { sampleReadings } from '../../../tests/sample-readings.ts'
import { expose } from './expose.ts'
import { families } from './families.ts'

const settings = metricsSettings('/nowhere')

test('a scrape says what the router is', async () => {
  const text = await expose(families(sampleReadings(60), settings))
  const lines = text.split('\n')
  for (const line of [
    'node_load1 0.1',
    'node_network_receive_bytes_total{device="lo",zone="wan"} 7000',
    'node_cpu_seconds_total{cpu="1",mode="idle"} 140',
    'sekisho_wan_up{version="4"} 1',
    'sekisho_wan_up{version="6"} 0',
    'sekisho_wan_latency_seconds 0.012',
    'unbound_queries_total 700',
    'unbound_recursion_seconds_bucket{le="0.131072"} 64',
    'unbound_recursion_seconds_bucket{le="0.262144"} 65',
    'unbound_recursion_seconds_bucket{le="+Inf"} 65',
    'unbound_recursion_seconds_count 65',
    'unbound_recursion_seconds_sum 13',
    'kea_dhcp4_assigned_addresses{network="home"} 3',
    'kea_dhcp4_packets_sent_total{type="ack"} 4',
    'sekisho_recorder_records_stored_total{source="syslog"} 129',
    'sekisho_archive_cost_yen 1.5',
    'sekisho_service_up{service="watch-flows"} 1',
  ])
    expect(lines).toContain(line)
  expect(text).not.toContain('network="guest"')
})

test('names keep the conventions: base units at the end, and _total for counters alone', async () => {
  const all = families(sampleReadings(60), settings)
  expect(all.length).toBeGreaterThan(50)
  for (const { name, type, help } of all) {
    expect(name).toMatch(/^(node|unbound|kea|sekisho)_[a-zA-Z0-9_]+$/)
    expect(name.endsWith('_total'), name).toBe(type === 'counter')
    expect(name).not.toMatch(/_(ms|milliseconds|kb|mb|percent|kib)(_|$)/)
    expect(help).toMatch(/^[A-Z]/i)
  }
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
})

test('a hostile label is a label and nothing more', async () => {
  const evil = 'x"} 1\nsekisho_evil{a="\\'
  const link = sampleReadings(0).interfaces.lo
  if (!link) throw new Error('no lo')
  const readings = sampleReadings(60, { interfaces: { [evil]: link } })
  const text = await expose(families(readings, settings))
  const scrape = parseScrape(text)
  expect(scrape.map(({ name }) => name)).not.toContain('sekisho_evil')
  expect(scrape.find(({ name }) => name === 'node_network_receive_bytes_total')?.labels.device).toBe(evil)
})

test('a router that says nothing is shown as one whose services are down', async () => {
  const nothing = { time: 0, monotonicMs: 0, cpus: {}, memory: {}, disks: {}, interfaces: {}, watchers: {} }
  const scrape = parseScrape(await expose(families(nothing, settings)))
  expect(new Set(scrape.map(({ name }) => name))).toEqual(new Set(['sekisho_service_up']))
  for (const { value } of scrape) expect(value).toBe(0)
})

test('every metric of the example dashboard is one of ours', () => {
  const names = families(sampleReadings(60), settings).flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  )
  const file = new URL('../../../examples/grafana-dashboard.json', import.meta.url)
  const asked = dashboardMetrics(readFileSync(file, 'utf8'))
  expect(asked.length).toBeGreaterThan(20)
  expect(asked.filter((name) => !names.includes(name))).toEqual([])
})
