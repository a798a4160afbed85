import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeControl } from '../../tests/fake-control-servers.ts'
import type { AgentConfig } from '../router/render/agent.ts'
import type { Figures } from './figures.ts'
import { FiguresJob } from './figures-job.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sekisho-figures-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function config(): AgentConfig {
  return {
    version: 1,
    hostname: 'gate',
    domain: 'home.arpa',
    wan: { device: 'wan0', mode: 'dhcp', watchdog: false },
    networks: [],
    leases: { socket: join(folder, 'kea.sock') },
    resolverSocket: join(folder, 'unbound.ctl'),
  }
}

test('it writes what both servers say, and goes on without the one that is away', async () => {
  const unbound = await new FakeControl(join(folder, 'unbound.ctl'), (request) =>
    request === 'UBCT1 stats_noreset\n' ? 'total.num.queries=5\n' : undefined,
  ).start()
  const kea = await new FakeControl(join(folder, 'kea.sock'), (request) =>
    request.endsWith('}') ? '{"result":0,"arguments":{"pkt4-ack-sent":[[1,"now"]]}}' : undefined,
  ).start()
  const path = join(folder, 'agent/figures.json')
  const job = new FiguresJob(config(), path)
  const read = async () => JSON.parse(await readFile(path, 'utf8')) as Figures

  await job.run()
  expect(await read()).toMatchObject({
    resolver: { 'total.num.queries': 5 },
    leases: { 'pkt4-ack-sent': 1 },
    filesystems: expect.arrayContaining([expect.objectContaining({ mount: '/' })]) as unknown,
  })
  await kea.stop()
  await job.run()
  expect(await read()).toMatchObject({ resolver: { 'total.num.queries': 5 } })
  expect(await read()).not.toHaveProperty('leases')
  await unbound.stop()
})
