import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FakeKea, type FakeLease } from '../../tests/fake-control-servers.ts'
import type { AgentConfig } from '../router/render/agent.ts'
import { type Clients, clientsOf } from './clients.ts'
import { ClientsJob } from './clients-job.ts'
import { LeaseReader } from './lease-reader.ts'

const PHONE = '02:00:5e:30:00:02'
const NAS = '02:00:5e:10:00:08'
const CONFIG: AgentConfig = {
  version: 1,
  hostname: 'gate',
  domain: 'home.arpa',
  wan: { device: 'wan0', mode: 'dhcp', watchdog: true },
  networks: [
    {
      name: 'home',
      device: 'br-home',
      prefix: '10.0.0.0/24',
      advertise: true,
      reservations: [{ name: 'nas', mac: NAS, address: '10.0.0.200' }],
    },
  ],
}

let dir: string
let kea: FakeKea
let reader: LeaseReader
let job: ClientsJob

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sekisho-clients-'))
  await mkdir(join(dir, 'data'))
  kea = await new FakeKea(join(dir, 'kea4.sock')).start()
  await writeLeases([])
  reader = new LeaseReader({ socket: kea.path, file: join(dir, 'data/leases.csv') }, () => undefined)
  job = new ClientsJob(CONFIG, reader, join(dir, 'agent/clients.json'))
})
afterEach(async () => {
  reader.close()
  await kea.stop()
  await rm(dir, { recursive: true, force: true })
})

function lease(address: string, mac: string, hostname: string, changes: Partial<FakeLease> = {}): FakeLease {
  const cltt = Math.floor(Date.now() / 1000) - 10
  return { 'ip-address': address, hostname, 'hw-address': mac, cltt, 'valid-lft': 600, state: 0, ...changes }
}

let writes = 0
async function writeLeases(leases: readonly FakeLease[]): Promise<void> {
  kea.leases = leases
  writes += 1
  await writeFile(join(dir, 'data/leases.csv'), '.'.repeat(writes))
}

async function clients(): Promise<Clients> {
  return JSON.parse(await readFile(join(dir, 'agent/clients.json'), 'utf8')) as Clients
}

test('live leases, and reservations, are in the file; dead and foreign ones are not', async () => {
  const phone = lease('10.0.0.130', PHONE, 'Phone.home.arpa')
  await writeLeases([
    phone,
    lease('10.0.0.131', '02:00:5e:30:00:03', 'old', { cltt: 1000 }),
    lease('10.0.0.132', '02:00:5e:30:00:04', 'released', { 'valid-lft': 0 }),
    lease('192.0.2.1', '02:00:5e:30:00:05', 'outside'),
    lease('10.0.0.133', 'not a mac', 'odd'),
    lease('10.0.0.134', '02:00:5e:30:00:06', 'endless', { 'valid-lft': 0xffffffff }),
  ])
  await job.run()
  const file = await clients()
  expect(file.leases).toEqual([
    {
      address: '10.0.0.130',
      macAddress: PHONE,
      network: 'home',
      hostname: 'Phone.home.arpa',
      name: 'phone',
      cltt: phone.cltt,
      expires: phone.cltt + 600,
    },
    expect.objectContaining({ address: '10.0.0.134', name: 'endless' }),
  ])
  expect(file.leases[1]).not.toHaveProperty('expires')
  expect(file.reservations).toEqual([
    { network: 'home', macAddress: NAS, name: 'nas', address: '10.0.0.200' },
  ])
  expect((await stat(join(dir, 'agent/clients.json'))).mode & 0o777).toBe(0o600)
})

test("nobody is called what is another's, the router's or nothing safe", () => {
  const named = (mac: string, hostname: string) =>
    clientsOf(CONFIG, [{ address: '10.0.0.130', hostname, client: mac, mac, cltt: 1, expires: 9 }], 2000)
      .leases[0]?.name
  expect(named(PHONE, 'nas')).toBeUndefined()
  expect(named(NAS, 'nas')).toBe('nas')
  for (const name of ['gate', 'wpad', '', '..', '<>', '123']) expect(named(PHONE, name), name).toBeUndefined()
  expect(named(PHONE, '<b>x</b>')).toBe('b-x-b')
})

test('a change is written, nothing new is not, and while kea is away the file stays', async () => {
  await writeLeases([lease('10.0.0.130', PHONE, 'phone')])
  await job.run()
  const first = await clients()
  await job.run()
  expect(await clients()).toEqual(first)
  await kea.stop()
  await rm(kea.path, { force: true })
  await writeLeases([])
  await expect(job.run()).rejects.toThrow('kea4.sock')
  expect(await clients()).toEqual(first)
  await kea.start()
  await job.run()
  const last = await clients()
  expect(last.leases).toEqual([])
  expect(last.asOf).toBeGreaterThan(first.asOf)
})
