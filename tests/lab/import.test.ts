import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { ROUTER_CABLES, WAN } from '../../src/lab/topology.ts'
import { parseIp } from '../../src/lib/ip.ts'
import { v5 } from '../netflow.ts'
import { parquetRows } from '../parquet.ts'
import { addressesOf } from './support/addresses.ts'
import { baseline } from './support/router-yaml.ts'

/*
 * The old router moves in: its config.json as it is, the ports by their names here, and what else of it there is.
 */

const OLD_ROUTER = join(import.meta.dirname, '../old-router')
const OLD = '/root/old-router'
const PORT = 9311
const BUCKET = 'home-network'
// A kept lab remembers what it has brought of a site.
const SITE = `old-${Date.now() % 1_000_000}`
const ENDPOINT = `http://127.0.0.1:${PORT}`

const LAPTOP = ROUTER_CABLES[1].far.mac

let lab: Lab
let server: ChildProcess
let work: string
/** The laptop's address. */
let before: string

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
  work = await mkdtemp(join(tmpdir(), 'sekisho-import-'))
  server = await startS3()
})
afterAll(async () => {
  server?.stdin?.end()
  await lab.router.exec([
    'bash',
    '-c',
    `rm -rf ${OLD} /etc/sekisho/router.yaml.old* /var/lib/sekisho/kea/leases/*.old*`,
  ])
  await baseline(lab)
  await lab.router.exec(['rm', '-f', '/etc/sekisho/secrets/s3', '/etc/sekisho/secrets/mackerel'])
  await rm(work, { recursive: true })
})

/** An S3 server in the router's network. */
async function startS3(): Promise<ChildProcess> {
  const script = join(import.meta.dirname, 'support/s3-server.ts')
  const network = lab.router.command([]).find((word) => word.startsWith('--net=')) ?? ''
  const argv = [network, process.execPath, script, String(PORT), BUCKET]
  const child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

async function bring(files: readonly string[]): Promise<void> {
  for (const file of files)
    await lab.router.writeFile(`${OLD}/${file}`, await readFile(join(OLD_ROUTER, file)))
}

/** The keys of the bucket. */
async function keys(): Promise<string[]> {
  const list = await lab.router.execOk(['curl', '-sSf', `${ENDPOINT}/${BUCKET}?list-type=2`])
  return [...list.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key ?? '')
}

test('config.json becomes a router.yaml that is right, and applies', async () => {
  await bring(['config.json'])
  before = (await addressesOf(lab.laptop)).v4
  // In the dump the laptop's address is what MySQL has as a number.
  const dump = await readFile(join(OLD_ROUTER, 'leases.sql'), 'latin1')
  await lab.router.writeFile(
    `${OLD}/leases.sql`,
    Buffer.from(dump.replace('167772304', String(parseIp(before)?.value)), 'latin1'),
  )
  // The Internet of the lab has a root of its own.
  const conf =
    'server:\n  root-hints: "/etc/sekisho/dns/root.hints"\n  trust-anchor-file: "/etc/sekisho/dns/root.key"\n'
  await lab.router.writeFile(`${OLD}/unbound/unbound.conf`, conf)
  const options = [
    '--wan',
    'wan0',
    '--interface',
    'enp0s2=lan0',
    '--hostname',
    SITE,
    '--s3-endpoint',
    ENDPOINT,
  ]
  const said = await lab.router.execOk(['sekisho', 'import', OLD, ...options, '--force'])
  expect(said).toContain('what was there is now /etc/sekisho/router.yaml.old')
  const secret = JSON.parse(await readFile(join(OLD_ROUTER, 'config.json'), 'utf8')).s3.secret
  const yaml = await lab.router.execOk(['cat', '/etc/sekisho/router.yaml'])
  expect(`${said}${yaml}`).not.toContain(secret)
  expect(await lab.router.execOk(['stat', '-c', '%a %U', '/etc/sekisho/secrets/s3'])).toBe('400 root\n')
  expect(await lab.router.execOk(['sekisho', 'check'])).toMatch(/^ok: /m)
  const { code, stdout, stderr } = await lab.apply()
  expect(code, `${stdout}${stderr}`).toBe(0)
})

test('the laptop keeps the address that it had, resolves and browses', async () => {
  const log = async () => (await lab.router.execOk(['docker', 'logs', 'sekisho-kea-1'])).split('\n')
  const mine = async (what: string) =>
    (await log()).filter((line) => line.includes(LAPTOP) && line.includes(what))
  // Kea knows of no lease but those of the dump: without it, it would refuse the old address.
  // It asks again by itself until the port is up; told to again and again, it dies.
  await lab.renew('laptop')
  await expect.poll(() => mine('DHCP4_LEASE_ALLOC'), { timeout: 60_000, interval: 500 }).not.toEqual([])
  expect(await mine('DHCPNAK')).toEqual([])
  // Kea says so before the laptop has heard of it.
  await expect
    .poll(async () => (await addressesOf(lab.laptop).catch(() => undefined))?.v4, { timeout: 15_000 })
    .toBe(before)
  expect(before).toMatch(/^10\.0\.0\.(129|1[3-9]\d|2[0-4]\d|25[0-4])$/)
  await expect
    .poll(
      async () => (await lab.laptop.exec(['dig', '+short', '+time=1', '+tries=1', 'www.example.org'])).stdout,
      {
        timeout: 30_000,
      },
    )
    .toBe('203.0.113.80\n')
  expect(await lab.laptop.execOk(['curl', '-4sSf', 'http://www.example.org/'])).toContain(
    'This is www.example.org',
  )
})

test('logs of all kinds arrive in the bucket', async () => {
  const flow = { source: '10.0.0.7', destination: '203.0.113.80', octets: 4711 }
  await lab.router.writeFile('/root/old-router/flow', v5([flow]))
  await lab.router.execOk(['bash', '-c', 'cat /root/old-router/flow > /dev/udp/127.0.0.1/2055'])
  await lab.router.execOk(['logger', 'a line of the host'])
  await lab.attacker.exec(['nmap', '-Pn', '-n', '-sS', '--max-retries', '0', '-p', '4711', WAN.router4])
  const wanted = ['container', 'devices', 'dhcp', 'dns', 'drops', 'flows', 'netflow', 'syslog']
  const kinds = async () => {
    await lab.router.execOk(['sekisho', 'archive', 'now'])
    const names = (await keys()).map((key) => new RegExp(`^site=${SITE}/kind=(\\w+)/`).exec(key)?.[1] ?? '')
    return wanted.filter((kind) => names.includes(kind))
  }
  await expect.poll(kinds, { timeout: 60_000, interval: 1000 }).toEqual(wanted)
  const key = (await keys()).find((one) => one.includes('kind=netflow')) ?? ''
  const body = await lab.router.execOk(['bash', '-c', `curl -sSf ${ENDPOINT}/${BUCKET}/${key} | base64 -w 0`])
  const file = join(work, 'netflow.parquet')
  await writeFile(file, Buffer.from(body, 'base64'))
  expect(await parquetRows(file)).toMatchObject([
    { sourceAddress: '10.0.0.7', destinationAddress: '203.0.113.80' },
  ])
})
