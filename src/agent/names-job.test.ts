import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeKea, type FakeLease, FakeUnbound } from '../../tests/fake-control-servers.ts'
import type { AgentConfig } from '../router/render/agent.ts'
import { HolderStore } from './holder-store.ts'
import { LeaseReader } from './lease-reader.ts'
import { NamesJob } from './names-job.ts'

const FILE = ['gate.home.arpa. 300 IN A 10.0.0.1', 'camera.home.arpa. 300 IN TXT "ours"']

let dir: string
let unbound: FakeUnbound
let kea: FakeKea
let reader: LeaseReader
let job: NamesJob
let pokes = 0

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sekisho-names-'))
  for (const folder of ['unbound', 'kea', 'data']) await mkdir(join(dir, folder))
  unbound = await new FakeUnbound(join(dir, 'unbound/unbound.ctl'), FILE).start()
  kea = await new FakeKea(join(dir, 'kea/kea4.sock')).start()
  await writeLeases([])
  job = newJob()
})
afterEach(async () => {
  job.close()
  reader.close()
  await unbound.stop()
  await kea.stop()
  await rm(dir, { recursive: true, force: true })
})

function newJob(): NamesJob {
  const poke = () => {
    pokes += 1
  }
  reader?.close()
  reader = new LeaseReader({ socket: kea.path, file: join(dir, 'data/leases.csv') }, poke)
  const names = {
    resolverSocket: unbound.path,
    reserved: [
      { name: 'gate', address: '10.0.0.1' },
      { name: 'printer', address: '10.0.0.7' },
    ],
  }
  const config: AgentConfig = {
    version: 1,
    hostname: 'gate',
    domain: 'home.arpa',
    wan: { device: 'wan0', mode: 'dhcp', watchdog: true },
    networks: [{ name: 'home', device: 'br-home', prefix: '10.0.0.0/24', advertise: true, reservations: [] }],
    names,
  }
  const store = new HolderStore(join(dir, 'state/holders.json'))
  return new NamesJob(config, names, reader, store, poke)
}

function lease(address: string, hostname: string, changes: Partial<FakeLease> = {}): FakeLease {
  return {
    'ip-address': address,
    hostname,
    'hw-address': `mac-${address}`,
    cltt: Math.floor(Date.now() / 1000) - 10,
    'valid-lft': 600,
    state: 0,
    ...changes,
  }
}

let writes = 0
async function writeLeases(leases: readonly FakeLease[]): Promise<void> {
  kea.leases = leases
  writes += 1
  await writeFile(join(dir, 'data/leases.csv'), '.'.repeat(writes))
}

/** What of the resolver's records is not from its file, the A records as "name address". */
function names(): string[] {
  return [...unbound.records]
    .filter((record) => !FILE.includes(record) && record.includes(' IN A '))
    .map((record) => record.replace('.home.arpa. 60 IN A', ''))
    .sort()
}

describe('NamesJob', () => {
  test('leases become names, both ways, and hostile ones do not', async () => {
    await writeLeases([
      lease('10.0.0.130', 'phone'),
      lease('10.0.0.131', 'gate'),
      lease('10.0.0.132', 'printer'),
      lease('10.0.0.133', 'camera'),
      lease('10.0.0.134', 'wpad'),
      lease('10.0.0.135', 'x\ntv.home.arpa. 60 IN A 10.0.0.1'),
      lease('10.0.0.136', '$(reboot)'),
      lease('10.0.0.7', 'scanner'),
      lease('192.0.2.1', 'outside'),
    ])
    await job.run()
    expect(names()).toEqual(['phone 10.0.0.130', 'reboot 10.0.0.136'])
    expect([...unbound.records]).toContain('130.0.0.10.in-addr.arpa. 60 IN PTR phone.home.arpa.')
    expect([...unbound.records].slice(0, FILE.length)).toEqual(FILE)
    expect(job.status()).toEqual({ count: 2, leases: 9 })
  })

  test('an idle pass asks nobody', async () => {
    await writeLeases([lease('10.0.0.130', 'phone')])
    await job.run()
    const asked = [unbound.requests.length, kea.requests.length]
    for (let i = 0; i < 5; i++) await job.run()
    expect([unbound.requests.length, kea.requests.length]).toEqual(asked)
  })

  test('a change of the lease file is seen, and told', async () => {
    await job.run()
    const before = pokes
    await writeLeases([lease('10.0.0.130', 'phone')])
    await expect.poll(() => pokes).toBeGreaterThan(before)
    await job.run()
    expect(names()).toEqual(['phone 10.0.0.130'])
    await writeLeases([lease('10.0.0.130', 'handset')])
    await job.run()
    expect(names()).toEqual(['handset 10.0.0.130'])
    expect([...unbound.records].filter((record) => record.includes('PTR'))).toHaveLength(1)
    await writeLeases([])
    await job.run()
    expect([...unbound.records]).toEqual(FILE)
  })

  test('a lease ends without anyone telling', async () => {
    await writeLeases([lease('10.0.0.130', 'phone')])
    await job.run()
    await job.run(Date.now() + 595_000)
    expect(names()).toEqual([])
  })

  test('a resolver that restarted gets its names again', async () => {
    await writeLeases([lease('10.0.0.130', 'phone')])
    await job.run()
    await unbound.stop()
    await rm(unbound.path, { force: true })
    await expect(job.run()).rejects.toThrow('ENOENT')
    unbound.forget()
    await unbound.start()
    await job.run()
    expect(names()).toEqual(['phone 10.0.0.130'])
  })

  test('while kea is away names stay, also those an agent before this one gave', async () => {
    await writeLeases([lease('10.0.0.130', 'phone')])
    await job.run()
    await kea.stop()
    await rm(kea.path, { force: true })
    job.close()
    job = newJob()
    await expect(job.run()).rejects.toThrow('kea4.sock: ENOENT')
    expect(names()).toEqual(['phone 10.0.0.130'])
    await kea.start()
    await job.run()
    expect(names()).toEqual(['phone 10.0.0.130'])
  })

  test('nonsense from either side changes nothing and is an error', async () => {
    await writeLeases([lease('10.0.0.130', 'phone')])
    await job.run()
    const before = new Set(unbound.records)
    const real = kea.answer
    kea.answer = () => '{"result": 0, "arguments": {"leases": {}}}'
    await writeFile(join(dir, 'data/leases.csv'), 'changed')
    await expect(job.run()).rejects.toThrow('kea')
    expect(unbound.records).toEqual(before)
    kea.answer = real
    await job.run()
    unbound.answer = () => 'error out of memory\n'
    await writeLeases([lease('10.0.0.130', 'handset')])
    await expect(job.run()).rejects.toThrow('unbound')
  })

  test('who has a name keeps it over restarts of everything', async () => {
    const now = Math.floor(Date.now() / 1000)
    const phone = lease('10.0.0.130', 'phone', { cltt: now - 5 })
    const rival = lease('10.0.0.131', 'phone', { cltt: now - 100 })
    await writeLeases([phone])
    await job.run()
    await writeLeases([rival, phone])
    await job.run()
    expect(names()).toEqual(['phone 10.0.0.130'])
    job.close()
    unbound.forget()
    job = newJob()
    await job.run()
    expect(names()).toEqual(['phone 10.0.0.130'])
    expect(JSON.parse(await readFile(join(dir, 'state/holders.json'), 'utf8'))).toEqual({
      phone: 'mac-10.0.0.130',
    })
    await writeLeases([rival])
    await job.run()
    expect(names()).toEqual(['phone 10.0.0.131'])
  })

  test('without its memory it believes what the resolver says', async () => {
    const now = Math.floor(Date.now() / 1000)
    await writeLeases([lease('10.0.0.130', 'phone', { cltt: now - 5 })])
    await job.run()
    await rm(join(dir, 'state'), { recursive: true })
    await writeLeases([lease('10.0.0.129', 'phone', { cltt: now - 100 }), ...(kea.leases as FakeLease[])])
    job.close()
    job = newJob()
    await job.run()
    expect(names()).toEqual(['phone 10.0.0.130'])
  })

  test('a disk that takes nothing costs the memory, not the names', async () => {
    await writeFile(join(dir, 'state'), 'in the way')
    await writeLeases([lease('10.0.0.130', 'phone')])
    await expect(job.run()).rejects.toThrow()
    expect(names()).toEqual(['phone 10.0.0.130'])
  })
})
