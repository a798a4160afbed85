import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { metricsSettings } from '../../tests/metrics-settings.ts'
import { takeReadings } from './readings.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sekisho-readings-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function put(path: string, status: object, ageMs = 0): Promise<void> {
  const file = join(folder, path)
  await mkdir(dirname(file), { recursive: true })
  const time = new Date(Date.now() - ageMs).toISOString()
  await writeFile(file, JSON.stringify({ time, ...status }))
}

const COUNTS = { received: 1, stored: 1, dropped: 0, malformed: 0 }
const AGENT = { wan: { ipv4: 'up', ipv6: 'up' }, resolvers: [], jobs: {} }
const FIGURES = { version: 1, filesystems: [], resolver: { 'total.num.queries': 1 } }

test('this machine, and nothing else where nobody says anything', async () => {
  const readings = await takeReadings(metricsSettings(folder))
  expect(readings.load).toHaveLength(3)
  expect(Object.keys(readings.cpus).length).toBeGreaterThan(0)
  expect(readings.memory.MemTotal).toBeGreaterThan(0)
  expect(readings.bootTime).toBeGreaterThan(1_500_000_000)
  expect(Object.keys(readings.interfaces)).toEqual(['lo'])
  for (const key of ['agent', 'figures', 'recorder', 'wanLatencySecs'])
    expect(readings).not.toHaveProperty(key)
  expect(readings.watchers).toEqual({})
})

test('what was written a moment ago counts, and what a process left behind does not', async () => {
  await put('agent/figures.json', FIGURES)
  // Its own age says nothing: it is written when something changes.
  await put('agent/status.json', AGENT, 3_600_000)
  await put('metrics/watch/dns.json', COUNTS)
  await put('metrics/watch/flows.json', COUNTS, 120_000)
  await put('metrics/recorder/status.json', { sources: { syslog: COUNTS }, log: {}, archive: {} }, 120_000)
  const readings = await takeReadings(metricsSettings(folder))
  expect(readings.agent).toMatchObject({ up4: true, up6: true })
  expect(readings.figures?.resolver).toEqual({ 'total.num.queries': 1 })
  expect(Object.keys(readings.watchers)).toEqual(['dns'])
  expect(readings).not.toHaveProperty('recorder')

  await put('agent/figures.json', FIGURES, 120_000)
  const later = await takeReadings(metricsSettings(folder))
  expect(later).not.toHaveProperty('figures')
  expect(later).not.toHaveProperty('agent')
})

test('a file that is half written, or no JSON, is no reading', async () => {
  for (const path of [
    'agent/figures.json',
    'agent/status.json',
    'metrics/recorder/status.json',
    'metrics/watch/dns.json',
  ]) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), '{"time": "20')
  }
  const readings = await takeReadings(metricsSettings(folder))
  expect(readings).not.toHaveProperty('figures')
  expect(readings.watchers).toEqual({})
})
