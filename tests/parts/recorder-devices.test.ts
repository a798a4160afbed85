import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { clientsOf } from '../../src/agent/clients.ts'
import { parseLeases } from '../../src/agent/kea-client.ts'
import type { Interval } from '../../src/recorder/devices/intervals.ts'
import { type DevicesState, parseState } from '../../src/recorder/devices/state.ts'
import type { DeviceRecord } from '../../src/recorder/records/device.ts'
import type { DhcpRecord } from '../../src/recorder/records/dhcp.ts'
import type { EventRecord } from '../../src/recorder/records/event.ts'
import type { RecorderStatus } from '../../src/recorder/status.ts'
import { spansOf } from '../device-spans.ts'
import { loggedRecords } from '../recorder-log.ts'

import { recorderSettings } from '../recorder-settings.ts'

/*
 * The recorder's process on a router with a bridge and two clients, each in a network namespace of its own: the kernel's
 * neighbour table, and leases as the agent writes them.
 */

const LAPTOP = '02:00:5e:30:00:01'
const PHONE = '02:00:5e:30:00:02'
const MOVING = '10.0.0.130'
const RECORDER = join(import.meta.dirname, '../../src/recorder/start.ts')
const run = promisify(execFile)

let root: string
let children: ChildProcess[] = []
let router: ChildProcess
let laptop: ChildProcess
let phone: ChildProcess
let recorder: ChildProcess | undefined

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'devices-'))
  for (const name of ['data', 'run', 'agent', 'containers']) await mkdir(join(root, name))
  const base = recorderSettings(root)
  const networks = [{ name: 'home', device: 'br-home' }]
  const settings = { ...base, devices: { ...base.devices, networks } }
  await writeFile(join(root, 'settings.json'), JSON.stringify(settings))
  router = await namespace()
  laptop = await namespace()
  phone = await namespace()
  await ip(router, 'link', 'add', 'br-home', 'type', 'bridge')
  await ip(router, 'link', 'set', 'br-home', 'up')
  await ip(router, 'address', 'add', '10.0.0.1/24', 'dev', 'br-home')
  await ip(router, 'address', 'add', '2001:db8:1::1/64', 'dev', 'br-home', 'nodad')
  await plug(laptop, 'lan0', LAPTOP)
  await plug(phone, 'lan1', PHONE)
})

afterEach(async () => {
  await Promise.all([recorder, ...children].flatMap((child) => (child ? [end(child, 'SIGKILL')] : [])))
  recorder = undefined
  children = []
  await rm(root, { recursive: true })
})

/** A process that holds a network namespace; it ends by itself should the test be killed. */
async function namespace(): Promise<ChildProcess> {
  const holder = spawn('unshare', ['--net', 'sleep', '300'], { stdio: 'ignore' })
  children.push(holder)
  await expect.poll(() => readFileSync(`/proc/${holder.pid}/comm`, 'utf8'), { timeout: 5000 }).toBe('sleep\n')
  await ip(holder, 'link', 'set', 'lo', 'up')
  return holder
}

async function inside(holder: ChildProcess, ...argv: string[]): Promise<void> {
  await run('nsenter', ['-t', String(holder.pid), '--net', ...argv])
}

function ip(holder: ChildProcess, ...args: string[]): Promise<void> {
  return inside(holder, 'ip', ...args)
}

async function plug(client: ChildProcess, port: string, mac: string): Promise<void> {
  await ip(router, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(client.pid))
  await ip(router, 'link', 'set', port, 'master', 'br-home', 'up')
  await ip(client, 'link', 'set', 'eth0', 'address', mac, 'up')
}

/** Takes an address, and says a word to the router by it. */
async function speak(client: ChildProcess, address: string): Promise<void> {
  const v6 = address.includes(':')
  const nodad = v6 ? ['nodad'] : []
  await ip(client, 'address', 'replace', `${address}/${v6 ? 64 : 24}`, 'dev', 'eth0', ...nodad)
  const script = `
    const socket = require('node:dgram').createSocket('${v6 ? 'udp6' : 'udp4'}')
    socket.bind(0, '${address}', () => socket.send('x', 9, '${v6 ? '2001:db8:1::1' : '10.0.0.1'}', () => socket.close()))`
  await inside(client, process.execPath, '-e', script)
}

async function start(): Promise<void> {
  const argv = ['-t', String(router.pid), '--net', process.execPath, RECORDER, join(root, 'settings.json')]
  recorder = spawn('nsenter', argv, { stdio: ['ignore', 'ignore', 'inherit'] })
  await expect
    .poll(
      () =>
        live().then(
          ({ time }) => time,
          () => 0,
        ),
      { timeout: 20_000 },
    )
    .toBeGreaterThan(0)
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
  const exited = once(child, 'exit')
  child.kill(signal)
  const [code] = (await exited) as [number | null]
  return code
}

async function stop(): Promise<void> {
  if (recorder) expect(await end(recorder, 'SIGTERM')).toBe(0)
}

async function live(): Promise<DevicesState> {
  return parseState(await readFile(join(root, 'run/devices.json'), 'utf8'))
}

/** "last digits of MAC address, name" of who has an address now; undefined when nobody has. */
async function holder(address: string): Promise<string | undefined> {
  const interval: Interval | undefined = (await live()).open.get(`home ${address}`)
  return interval && `${interval.macAddress.slice(-2)} ${interval.device ?? '-'}`
}

async function untilHeldBy(address: string, who: string | undefined): Promise<void> {
  await expect.poll(() => holder(address), { timeout: 20_000, interval: 200 }).toBe(who)
}

/** Writes what the agent makes of these leases of kea's. */
async function leases(
  ...list: { address: string; mac: string; hostname: string; cltt: number }[]
): Promise<void> {
  const reply = {
    result: 0,
    arguments: {
      leases: list.map(({ address, mac, hostname, cltt }) => ({
        'client-id': `01:${mac}`,
        cltt,
        'fqdn-fwd': false,
        'fqdn-rev': false,
        hostname,
        'hw-address': mac,
        'ip-address': address,
        state: 0,
        'subnet-id': 1,
        'valid-lft': 3600,
      })),
    },
  }
  const config = {
    version: 1,
    hostname: 'gate',
    domain: 'home.arpa',
    wan: { device: 'wan0', mode: 'dhcp', watchdog: true },
    networks: [{ name: 'home', device: 'br-home', prefix: '10.0.0.0/24', advertise: true, reservations: [] }],
  } as const
  const text = JSON.stringify(clientsOf(config, parseLeases(JSON.stringify(reply)), Date.now()))
  await writeFile(join(root, 'agent/clients.json.new'), text)
  await rename(join(root, 'agent/clients.json.new'), join(root, 'agent/clients.json'))
}

function seconds(): number {
  return Math.floor(Date.now() / 1000)
}

it('knows the addresses of both families, and whose they are after they moved', async () => {
  await start()
  await speak(laptop, MOVING)
  await speak(laptop, '2001:db8:1::a')
  await untilHeldBy(MOVING, '01 -')
  await untilHeldBy('2001:db8:1::a', '01 -')

  await ip(laptop, 'address', 'del', `${MOVING}/24`, 'dev', 'eth0')
  await speak(phone, MOVING)
  await untilHeldBy(MOVING, '02 -')
  await stop()

  const rows = await loggedRecords<DeviceRecord>(join(root, 'data'), 'devices')
  const spans = spansOf(
    rows.map((row) => ({ ...row, time: Date.parse(row.time), until: Date.parse(row.until) })),
  )
  const moved = spans.filter(({ address }) => address === MOVING)
  expect(moved.map(({ macAddress }) => macAddress)).toEqual([LAPTOP, PHONE])
  expect(moved[0]?.to).toBe(moved[1]?.from)
  expect(rows.find(({ address }) => address === '2001:db8:1::a')).toMatchObject({
    macAddress: LAPTOP,
    network: 'home',
    randomMac: true,
  })
  const events = await loggedRecords<EventRecord>(join(root, 'data'), 'events')
  expect(events.map(({ tag, record }) => [tag, record.macAddress])).toEqual([
    ['device.new', LAPTOP],
    ['device.new', PHONE],
  ])
  const stored = rows.length + events.length
  const status = JSON.parse(await readFile(join(root, 'run/status.json'), 'utf8')) as RecorderStatus
  expect(status.sources.devices).toMatchObject({ received: stored, stored, dropped: 0 })
})

it('takes names and events from the leases; a lease that moved wins over a stale neighbour', async () => {
  await start()
  await speak(laptop, MOVING)
  await speak(laptop, '2001:db8:1::a')
  const first = { address: MOVING, mac: LAPTOP, hostname: 'laptop', cltt: seconds() - 5 }
  await leases(first)
  await untilHeldBy(MOVING, '01 laptop')
  await untilHeldBy('2001:db8:1::a', '01 laptop')
  // The lease is newer than the neighbour's last sign: the kernel asks again within seconds, and none answers.
  await ip(laptop, 'address', 'del', `${MOVING}/24`, 'dev', 'eth0')
  await ip(router, 'neighbour', 'replace', MOVING, 'lladdr', LAPTOP, 'dev', 'br-home', 'nud', 'stale')
  const second = { address: MOVING, mac: PHONE, hostname: 'phone', cltt: seconds() + 1 }
  await expect.poll(seconds, { timeout: 5000 }).toBeGreaterThan(second.cltt)
  await leases(second)
  await untilHeldBy(MOVING, '02 phone')
  await stop()
  const events = await loggedRecords<DhcpRecord>(join(root, 'data'), 'dhcp')
  expect(events.map(({ event, macAddress, hostname }) => [event, macAddress, hostname])).toEqual([
    ['assigned', LAPTOP, 'laptop'],
    ['released', LAPTOP, 'laptop'],
    ['assigned', PHONE, 'phone'],
  ])
  expect(events[0]).toMatchObject({
    time: new Date(first.cltt * 1000).toISOString(),
    leaseSeconds: 3600,
    address: MOVING,
    network: 'home',
  })
})

it('goes on after a restart, and after a kill, where it was', async () => {
  await start()
  await speak(laptop, MOVING)
  await leases({ address: MOVING, mac: LAPTOP, hostname: 'laptop', cltt: seconds() })
  await untilHeldBy(MOVING, '01 laptop')
  await stop()
  const before = (await live()).open.get(`home ${MOVING}`)
  await rm(join(root, 'run/devices.json'))
  await start()
  await expect
    .poll(async () => (await live()).open.get(`home ${MOVING}`)?.until, { timeout: 20_000 })
    .toBeGreaterThan(before?.until ?? Number.POSITIVE_INFINITY)
  expect((await live()).open.get(`home ${MOVING}`)).toMatchObject({ from: before?.from, device: 'laptop' })
  if (recorder) await end(recorder, 'SIGKILL')
  await rm(join(root, 'run/devices.json'))
  await start()
  expect((await live()).open.get(`home ${MOVING}`)).toMatchObject({ from: before?.from, device: 'laptop' })
  await stop()
  // The lease was not assigned again, and every record tells of the same time.
  expect(await loggedRecords(join(root, 'data'), 'dhcp')).toHaveLength(1)
  const rows = await loggedRecords<DeviceRecord>(join(root, 'data'), 'devices')
  expect(new Set(rows.map(({ time }) => time)).size).toBe(1)
})

it('leaves out who is no client: other links, addresses of elsewhere, failed entries', async () => {
  await ip(router, 'link', 'add', 'wan0', 'type', 'veth', 'peer', 'name', 'isp')
  await ip(router, 'link', 'set', 'isp', 'up')
  await ip(router, 'address', 'add', '198.51.100.10/24', 'dev', 'wan0')
  await ip(router, 'link', 'set', 'wan0', 'up')
  const neighbour = (address: string, device: string, state: string) =>
    ip(router, 'neighbour', 'replace', address, 'lladdr', PHONE, 'dev', device, 'nud', state)
  await neighbour('198.51.100.1', 'wan0', 'reachable')
  await neighbour('10.9.9.9', 'br-home', 'reachable')
  await neighbour('2001:db8:9::9', 'br-home', 'stale')
  await neighbour('10.0.0.9', 'br-home', 'failed')
  await neighbour('10.0.0.10', 'br-home', 'stale')
  await start()
  await untilHeldBy('10.0.0.10', '02 -')
  expect([...(await live()).open.keys()]).toEqual(['home 10.0.0.10'])
  await stop()
})

it('is not filled by a client that goes through thousands of addresses', async () => {
  await start()
  await speak(laptop, MOVING)
  await untilHeldBy(MOVING, '01 -')
  const lines = Array.from({ length: 1500 }, (_, i) => {
    const mac = `02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`
    return `neighbour replace 2001:db8:1::${(i + 4096).toString(16)} lladdr ${mac} dev br-home nud stale`
  })
  await writeFile(join(root, 'batch'), lines.join('\n'))
  // The kernel's own table is limited, too.
  await ip(router, '-force', '-batch', join(root, 'batch')).catch(() => undefined)
  const refused = async () => {
    const status = JSON.parse(await readFile(join(root, 'run/status.json'), 'utf8')) as RecorderStatus
    return status.sources.devices?.details.refused
  }
  await expect.poll(refused, { timeout: 30_000, interval: 500 }).toBeGreaterThan(0)
  const state = await live()
  expect(state.open.size).toBeLessThanOrEqual(1024)
  expect(state.open.get(`home ${MOVING}`)?.macAddress).toBe(LAPTOP)
  await stop()
})
