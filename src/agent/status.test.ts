import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nextJobStatus } from './status.ts'
import { StatusJob } from './status-job.ts'

describe('nextJobStatus', () => {
  test('keeps since when, and the last error after it is over', () => {
    const good = nextJobStatus(undefined, undefined, 't1')
    expect(good).toEqual({ ok: true, since: 't1' })
    const bad = nextJobStatus(good, 'ENOENT', 't2')
    expect(bad).toEqual({ ok: false, since: 't2', lastError: 'ENOENT', lastErrorAt: 't2' })
    const worse = nextJobStatus(bad, 'ECONNREFUSED', 't3')
    expect(worse).toEqual({ ok: false, since: 't2', lastError: 'ECONNREFUSED', lastErrorAt: 't3' })
    const again = { ok: true, since: 't4', lastError: 'ECONNREFUSED', lastErrorAt: 't3' }
    expect(nextJobStatus(worse, undefined, 't4')).toEqual(again)
  })
})

describe('StatusJob', () => {
  test('writes what is, and a second agent goes on counting', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'sekisho-status-'))
    const path = join(dir, 'agent/status.json')
    const reach = { state: 'no-carrier', ipv4: 'no-address', ipv6: 'no-address' } as const
    const rest = () => ({ reach, defaultRouter6: false, resolvers: ['192.0.2.53'], jobs: {} })
    await new StatusJob(path, 'no-such-dev', 't0', rest).run()
    const first = JSON.parse(await readFile(path, 'utf8'))
    expect(first).toMatchObject({
      version: 1,
      wan: { device: 'no-such-dev', up: false, state: 'no-carrier' },
      resolvers: ['192.0.2.53'],
    })
    await new Promise((resolve) => setTimeout(resolve, 5))
    await new StatusJob(path, 'no-such-dev', 't1', rest).run()
    const second = JSON.parse(await readFile(path, 'utf8'))
    expect(second.startedAt).toBe('t1')
    expect(second.wan.since).toBe(first.wan.since)
    await rm(dir, { recursive: true })
  })
})
