import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { ensurePackages } from '../../src/build/debian.ts'
import { run, runOk } from '../../src/lib/run.ts'
import type { NetflowRecord } from '../../src/recorder/records/netflow.ts'
import { NetflowSource } from '../../src/recorder/sources/netflow/listen.ts'
import { UdpSocket } from '../../src/recorder/sources/udp-socket.ts'
import { Wal } from '../../src/recorder/wal/wal.ts'
import { capture } from '../capture.ts'
import { freeUdpPort } from '../free-port.ts'
import { loggedRecords } from '../recorder-log.ts'

/*
 * What softflowd and pmacct's nfprobe export of a packet capture, as the recorder stores it and as nfdump reads it from
 * the very same datagrams.
 */

const FLOWS = 250
const MiB = 1024 * 1024

let root: string
let child: ChildProcess | undefined

beforeAll(() => ensurePackages(['softflowd', 'pmacct', 'nfdump']))

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'netflow-'))
  await writeFile(join(root, 'capture.pcap'), capture(FLOWS, Date.now()))
})

afterEach(async () => {
  await end('SIGKILL')
  await rm(root, { recursive: true })
})

async function end(signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

const softflowd =
  (...version: string[]) =>
  (port: number) =>
    runOk(['softflowd', '-r', join(root, 'capture.pcap'), '-n', `127.0.0.1:${port}`, '-d', '-v', ...version])

const nfprobe = (version: number) => async (port: number) => {
  const config = {
    daemonize: false,
    pcap_savefile: join(root, 'capture.pcap'),
    plugins: 'nfprobe',
    nfprobe_receiver: `127.0.0.1:${port}`,
    nfprobe_version: version,
    aggregate: 'src_host,dst_host,src_port,dst_port,proto,tos',
  }
  const lines = Object.entries(config).map(([key, value]) => `${key}: ${value}\n`)
  await writeFile(join(root, 'pmacct.conf'), lines.join(''))
  // The probe may end before the process that told it to, which then calls it lost and ends with 1: all is sent by then.
  const { code, stdout, stderr } = await run(['pmacctd', '-f', join(root, 'pmacct.conf')])
  expect(`code ${code}: ${stdout}${stderr}`).toMatch(/^code 0:|^code 1:.*Shutting down on user request/s)
}

/** By what nfdump 1.7.1 finds ICMP's type and code: not where nfprobe has them in v9, nor ICMPv6's element in v9. */
const EVERY_ICMP = [1, 58]

it.each([
  // NetFlow v5 has no IPv6.
  ['softflowd, NetFlow v5', softflowd('5'), (FLOWS * 3) / 5, EVERY_ICMP],
  ['softflowd, NetFlow v9', softflowd('9'), FLOWS, [1]],
  ['softflowd, IPFIX', softflowd('10'), FLOWS, EVERY_ICMP],
  ['softflowd, IPFIX with absolute times', softflowd('10', '-A', 'milli'), FLOWS, EVERY_ICMP],
  ['nfprobe, NetFlow v5', nfprobe(5), (FLOWS * 3) / 5, EVERY_ICMP],
  ['nfprobe, NetFlow v9', nfprobe(9), FLOWS, []],
  ['nfprobe, IPFIX', nfprobe(10), FLOWS, EVERY_ICMP],
] as const)('%s: each record as nfdump has it', async (_, exportTo, flows, icmp) => {
  const datagrams = await collect(exportTo)
  const [ours, theirs] = [await recorded(datagrams), await dumped(datagrams)]
  expect(ours.length).toBe(flows)
  const lines = (list: readonly Flow[]): string[] => list.map((flow) => line(flow, icmp)).toSorted()
  expect(lines(ours.map(fromRecord))).toEqual(lines(theirs.map(fromDump)))
})

async function collect(exportTo: (port: number) => Promise<unknown>): Promise<Buffer[]> {
  const port = await freeUdpPort()
  const socket = UdpSocket.open('127.0.0.1', port, MiB)
  try {
    await exportTo(port)
    const datagrams: Buffer[] = []
    for (let next = socket.receive(); next; next = socket.receive()) datagrams.push(Buffer.from(next))
    expect(socket.drops).toBe(0)
    return datagrams
  } finally {
    socket.close()
  }
}

async function recorded(datagrams: readonly Buffer[]): Promise<NetflowRecord[]> {
  const data = join(root, 'data')
  const port = await freeUdpPort()
  const wal = await Wal.open({ data, maxBytes: 512 * MiB, segmentBytes: 32 * MiB })
  const source = NetflowSource.start(UdpSocket.open('127.0.0.1', port, MiB), wal)
  await send(datagrams, port)
  await source.stop()
  expect(await wal.close()).toBe(true)
  const records = await loggedRecords<NetflowRecord>(data, 'netflow')
  expect(source.counts).toEqual({
    received: records.length,
    stored: records.length,
    dropped: 0,
    malformed: 0,
  })
  return records
}

type Dumped = Readonly<Record<string, string | number>>

async function dumped(datagrams: readonly Buffer[]): Promise<Dumped[]> {
  const port = await freeUdpPort()
  const directory = join(root, 'nfdump')
  await mkdir(directory)
  child = spawn('nfcapd', ['-l', directory, '-p', String(port), '-b', '127.0.0.1', '-t', '3600'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text: Buffer) => said.push(String(text)))
  await expect.poll(() => said.join(''), { timeout: 10_000 }).toContain('Startup')
  await send(datagrams, port)
  await sleep(200)
  await end('SIGTERM')
  const stdout = await runOk(['nfdump', '-R', directory, '-o', 'json'], { env: { TZ: 'UTC' } })
  return JSON.parse(stdout.slice(stdout.indexOf('['))) as Dumped[]
}

async function send(datagrams: readonly Buffer[], port: number): Promise<void> {
  const socket = createSocket('udp4')
  for (const datagram of datagrams)
    await new Promise((done) => socket.send(datagram, port, '127.0.0.1', done))
  socket.close()
}

interface Flow {
  readonly addresses: readonly unknown[]
  readonly protocol: unknown
  readonly ports: readonly unknown[]
  /** Type * 256 + code. */
  readonly icmp: number
  readonly flags: unknown
  readonly counters: readonly unknown[]
  readonly times: readonly string[]
}

function fromRecord(record: NetflowRecord): Flow {
  return {
    addresses: [record.sourceAddress, record.destinationAddress],
    protocol: record.protocolIdentifier,
    ports: [record.sourceTransportPort, record.destinationTransportPort],
    // v5 and nfprobe have them where the port is.
    icmp: record.icmpTypeCode ?? record.destinationTransportPort ?? 0,
    flags: flagText(record.tcpControlBits ?? 0),
    counters: [record.packetDeltaCount, record.octetDeltaCount, record.ipClassOfService],
    times: [record.flowStart ?? '', record.flowEnd ?? ''],
  }
}

function fromDump(flow: Dumped): Flow {
  return {
    addresses: [flow.src4_addr ?? flow.src6_addr, flow.dst4_addr ?? flow.dst6_addr],
    protocol: flow.proto,
    ports: [flow.src_port, flow.dst_port],
    icmp: Number(flow.icmp_type) * 256 + Number(flow.icmp_code),
    flags: flow.tcp_flags,
    counters: [flow.in_packets, flow.in_bytes, flow.src_tos],
    times: [`${flow.first}Z`, `${flow.last}Z`],
  }
}

/**
 * softflowd's uptime is zero when it reads a capture, its flows are before that. nfdump 1.7.1 then takes them for later
 * than 2^32 ms, and in IPFIX a flow's start for its end: a flow has two times here, modulo 2^32 ms.
 */
function line({ addresses, protocol, ports, icmp, flags, counters, times }: Flow, known: readonly number[]) {
  const wrapped = times.map((time) => Date.parse(time) % 2 ** 32).toSorted((a, b) => a - b)
  const isIcmp = EVERY_ICMP.includes(Number(protocol))
  return JSON.stringify({
    addresses,
    protocol,
    ...(isIcmp ? { icmp: known.includes(Number(protocol)) && icmp } : { ports }),
    ...(protocol === 6 && { flags }),
    counters,
    wrapped,
  })
}

/** As nfdump writes them: CWR, ECE, URG, ACK, PSH, RST, SYN, FIN. */
function flagText(bits: number): string {
  return [...'CEUAPRSF'].map((letter, i) => ((bits >> (7 - i)) & 1 ? letter : '.')).join('')
}
