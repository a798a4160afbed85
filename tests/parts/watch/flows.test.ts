import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ensurePackages } from '../../../src/build/debian.ts'
import type { FlowRecord } from '../../../src/recorder/records/flow.ts'
import { WatchSource } from '../../../src/recorder/sources/watch/listen.ts'
import { Wal } from '../../../src/recorder/wal/wal.ts'
import { AnswersSender } from '../../../src/watch/answers.ts'
import { heartbeats } from '../../../src/watch/heartbeat.ts'
import { judge } from '../../../src/watch/watchdog.ts'
import { loggedRecords } from '../../recorder-log.ts'
import { watchSettings } from '../../watch-settings.ts'
import { CLIENT4, CLIENT6, FlowBed, SERVER4, SERVER6, WAN4 } from './flow-bed.ts'

/* The flow watcher at a router that forwards real connections: what it records beside what the firewall counted. */

const ROOT = join(import.meta.dirname, '../../..')
const CONNTRACK_MAX = '/proc/sys/net/netfilter/nf_conntrack_max'

let bed: FlowBed
let wal: Wal
let source: WatchSource
let watcher: ChildProcess | undefined

beforeEach(async () => {
  bed = await FlowBed.open()
  wal = await Wal.open({ data: bed.directory, flushMs: 20 })
  source = await WatchSource.start(join(bed.directory, 'recorder.sock'), wal)
  await Promise.all([bed.serve('server'), bed.serve('client')])
})

afterEach(async () => {
  watcher = undefined
  await source.stop()
  await wal.close()
  await bed.close()
})

/** Starts the watcher as the supervisor does, and resolves when it reads. */
async function watch(
  activeTimeoutSecs: number,
  { receiveBytes, ipfix }: { receiveBytes?: number; ipfix?: { address: string; port: number } } = {},
): Promise<ChildProcess> {
  const settings = watchSettings(bed.directory, {
    networks: [{ name: 'home', device: 'lan0', prefix: '10.9.0.1/24' }],
    flows: { activeTimeoutSecs, ...(ipfix && { ipfix }) },
  })
  const path = join(bed.directory, 'settings.json')
  await writeFile(path, JSON.stringify(settings))
  const only = ['--no-new-privs', '--bounding-set=-all,+net_admin', '--inh-caps=-all', '--ambient-caps=-all']
  const argv = [process.execPath, join(ROOT, 'src/watch/flows/main.ts'), path]
  if (receiveBytes !== undefined) argv.push(String(receiveBytes))
  watcher = bed.spawn('router', 'setpriv', ...only, ...argv)
  if (watcher.stdout) await once(watcher.stdout, 'data')
  return watcher
}

async function end(signal: NodeJS.Signals): Promise<void> {
  if (!watcher) return
  const exited = once(watcher, 'exit')
  watcher.kill(signal)
  await exited
}

function records(): Promise<FlowRecord[]> {
  return loggedRecords<FlowRecord>(bed.directory, 'flows')
}

const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp4', 6: 'tcp', 17: 'udp', 58: 'icmp6' }

/** Sums of records in the shape of the firewall's counters; what did not pass the router is left out. */
async function recorded(): Promise<Map<string, { packets: number; bytes: number }>> {
  const sums = new Map<string, { packets: number; bytes: number }>()
  const add = (name: string, packets: number, bytes: number): void => {
    const sum = sums.get(name) ?? { packets: 0, bytes: 0 }
    sums.set(name, { packets: sum.packets + packets, bytes: sum.bytes + bytes })
  }
  for (const one of await records()) {
    if (one.sourceZone === 'router' || one.destinationZone === 'router') continue
    const name = PROTOCOLS[one.protocolIdentifier] ?? ''
    const full = name.startsWith('icmp') ? name : `${name}${one.sourceAddress.includes(':') ? 6 : 4}`
    const [there, back] = one.sourceZone === 'wan' ? ['back', 'out'] : ['out', 'back']
    add(`${full}_${there}`, one.packetDeltaCount, one.octetDeltaCount)
    add(`${full}_${back}`, one.reversePacketDeltaCount, one.reverseOctetDeltaCount)
  }
  return sums
}

/** Neighbour discovery is not forwarded: what is left are pings. */
async function passed(): Promise<Map<string, { packets: number; bytes: number }>> {
  return new Map([...(await bed.passed())].filter(([, { packets }]) => packets > 0))
}

it('records every connection with exactly the bytes that passed, both sides of the NAT, and its name', async () => {
  await watch(2)
  const answers = new AnswersSender(join(bed.directory, 'answers.sock'))
  const timeMs = Date.now()
  answers.send({
    timeMs,
    client: CLIENT4,
    name: 'www.example.org',
    addresses: [{ address: SERVER4, ttl: 60 }],
  })
  const ports4 = await bed.talk<number[]>('client', 'tcp', SERVER4, '20', '100000')
  await bed.talk('client', 'tcp', SERVER6, '10', '5000')
  const udp4 = await bed.talk<number[]>('client', 'udp', SERVER4, '30', '100')
  await bed.talk('client', 'udp', SERVER6, '15', '1200')
  await bed.in('client', 'ping', '-c', '3', '-i', '0.2', SERVER4)
  await bed.in('client', 'ping', '-c', '2', '-i', '0.2', SERVER6)
  await bed.talk('server', 'tcp', WAN4, '5', '1000')
  await expect.poll(recorded, { timeout: 30_000 }).toEqual(await passed())
  answers.stop()

  const all = (await records()).filter(({ sourceZone, destinationZone }) =>
    [sourceZone, destinationZone].every((zone) => zone !== 'router'),
  )
  const of = (source: string, protocol: number): FlowRecord[] =>
    all.filter((one) => one.sourceAddress === source && one.protocolIdentifier === protocol)
  expect(all.filter(({ flowEndReason }) => flowEndReason !== 2)).toHaveLength(20 + 10 + 30 + 15 + 2 + 5)
  const tcp = of(CLIENT4, 6)
  expect(tcp.map(({ sourceTransportPort }) => sourceTransportPort).sort()).toEqual(ports4.sort())
  for (const one of tcp) {
    expect(one).toMatchObject({
      ingressInterface: 'lan0',
      egressInterface: 'wan0',
      destinationAddress: SERVER4,
      destinationTransportPort: 7000,
      postNatSourceAddress: WAN4,
      flowEndReason: 3,
      tcpState: 'TIME_WAIT',
      sourceZone: 'home',
      destinationZone: 'wan',
      destinationName: 'www.example.org',
      destinationNameStatus: 'asked',
    })
    expect(one.octetDeltaCount).toBeGreaterThan(100_000)
    expect(one.reverseOctetDeltaCount).toBeGreaterThan(100_000)
    expect(one).not.toHaveProperty('postNatDestinationAddress')
  }
  const udp = of(CLIENT4, 17)
  expect(udp.map(({ sourceTransportPort }) => sourceTransportPort).sort()).toEqual(udp4.sort())
  for (const one of udp)
    expect(one).toMatchObject({ octetDeltaCount: 128, reverseOctetDeltaCount: 128, flowEndReason: 1 })
  // The name was told for the other address only, and devices are told apart by the neighbour table.
  for (const one of of(CLIENT6, 6)) {
    expect(one).toMatchObject({ destinationNameStatus: 'none', sourceZone: 'home', destinationZone: 'wan' })
    expect(one).not.toHaveProperty('postNatSourceAddress')
  }
  expect(of(CLIENT4, 1)).toMatchObject([{ icmpTypeCode: 0x0800, packetDeltaCount: 3, octetDeltaCount: 252 }])
  expect(of(CLIENT6, 58)).toMatchObject([{ icmpTypeCode: 0x8000, packetDeltaCount: 2, octetDeltaCount: 208 }])
  for (const one of of(SERVER4, 6)) {
    expect(one).toMatchObject({
      ingressInterface: 'wan0',
      egressInterface: 'lan0',
      destinationAddress: WAN4,
      postNatDestinationAddress: CLIENT4,
      sourceZone: 'wan',
      destinationZone: 'home',
    })
    expect(one).not.toHaveProperty('destinationNameStatus')
  }
  expect(new Set(all.map(({ flowId }) => flowId)).size).toBe(82)
  expect(new Set(all.map(({ time }) => time.length))).toEqual(new Set([27]))
})

it('makes records of a long connection that add up, though it is killed and started again meanwhile', async () => {
  await watch(1)
  const streaming = bed.talk<number>('client', 'stream', SERVER4, '8')
  await expect.poll(async () => (await records()).length, { timeout: 20_000 }).toBeGreaterThanOrEqual(2)
  await end('SIGKILL')
  await watch(1)
  const port = await streaming
  const partsNow = async (): Promise<FlowRecord[]> =>
    (await records()).filter(({ sourceTransportPort }) => sourceTransportPort === port)
  await expect.poll(async () => (await partsNow()).at(-1)?.flowEndReason, { timeout: 30_000 }).not.toBe(2)
  expect(await recorded()).toEqual(await passed())
  const parts = await partsNow()
  expect(parts.length).toBeGreaterThanOrEqual(4)
  expect(parts.map(({ flowEndReason }) => flowEndReason)).toEqual([...parts.slice(1).map(() => 2), 1])
  expect(new Set(parts.map(({ flowId, flowStart }) => `${flowId} ${flowStart}`)).size).toBe(1)
  expect(parts[0]).toMatchObject({ destinationNameStatus: 'none' })
  await end('SIGTERM')
  const status = JSON.parse(await readFile(join(bed.directory, 'flows.json'), 'utf8'))
  expect(status).toMatchObject({ lost: 0, dropped: 0, malformed: 0, uncounted: 0, gaps: 1 })
})

it('costs no connection when it does not read: it is ended, and what it kept is let go of', async () => {
  const before = await readFile(CONNTRACK_MAX, 'utf8')
  const tracked = async (): Promise<{ count: number; max: number }> => {
    const text = await bed.in('router', 'cat', CONNTRACK_MAX.replace(/max$/, 'count'), CONNTRACK_MAX)
    const [count = 0, max = 0] = text.split('\n').map(Number)
    return { count, max }
  }
  const child = await watch(10, { receiveBytes: 64 * 1024 })
  const started = performance.now()
  let heard = performance.now()
  const take = heartbeats(() => (heard = performance.now()))
  child.stdout?.setEncoding('utf8').on('data', take)
  const ended: string[] = []
  try {
    await writeFile(CONNTRACK_MAX, '20000')
    const flood = bed.talk<number>('client', 'flood', SERVER4, '4000', '14')
    const connecting = bed.talk<{ made: number; failed: number }>('client', 'connect', SERVER4, '14')
    await sleep(2000)
    child.kill('SIGSTOP')
    while (ended.length === 0) {
      await sleep(250)
      const now = performance.now()
      const reason = judge({
        aliveMs: now - started,
        silentMs: now - heard,
        undrainedMs: 0,
        tracked: await tracked(),
      })
      if (reason === undefined) continue
      ended.push(reason)
      await end('SIGKILL')
    }
    await watch(10)
    const [sent, { made, failed }] = await Promise.all([flood, connecting])
    expect(sent).toBeGreaterThan(20_000)
    expect({ failed, some: made > 100 }).toEqual({ failed: 0, some: true })
  } finally {
    await writeFile(CONNTRACK_MAX, before)
  }
})

it('exports what it records as IPFIX, and nfcapd has the same', async () => {
  await ensurePackages(['nfdump'])
  const directory = join(bed.directory, 'nfcapd')
  await mkdir(directory)
  const nfcapd = bed.spawn('router', 'nfcapd', '-w', directory, '-p', '9995', '-b', '127.0.0.1', '-t', '3600')
  await expect.poll(() => bed.in('router', 'ss', '-lun'), { timeout: 10_000 }).toContain('127.0.0.1:9995')
  await watch(10, { ipfix: { address: '127.0.0.1', port: 9995 } })
  await bed.talk('client', 'tcp', SERVER4, '10', '1000')
  await bed.talk('client', 'udp', SERVER6, '20', '300')
  await expect.poll(recorded, { timeout: 30_000 }).toEqual(await passed())
  await end('SIGTERM')
  await sleep(500)
  const exited = once(nfcapd, 'exit')
  nfcapd.kill('SIGTERM')
  await exited
  const format = 'fmt:%pr %sa %sp %da %dp %ibyt %ipkt %obyt %opkt'
  const text = await bed.in('router', 'nfdump', '-q', '-6', '-N', '-R', directory, '-o', format)
  const listed = text.split('\n').map((line) => line.trim().split(/\s+/).join(' '))
  const ours = (await records()).map((one) => {
    const ends = [
      one.sourceAddress,
      one.sourceTransportPort,
      one.destinationAddress,
      one.destinationTransportPort,
    ]
    const back = [one.reverseOctetDeltaCount, one.reversePacketDeltaCount]
    const words = [one.protocolIdentifier, ...ends, one.octetDeltaCount, one.packetDeltaCount, ...back]
    return words.join(' ')
  })
  const sessions = (lines: readonly string[]): string[] =>
    lines.filter((line) => /^(6|17) .* 7000 /.test(line)).sort()
  expect(sessions(ours)).toHaveLength(30)
  expect(sessions(listed)).toEqual(sessions(ours))
})
