import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensurePackages } from '../src/build/debian.ts'
import { runOk } from '../src/lib/run.ts'
import { decodeNetflow } from '../src/recorder/sources/netflow/decode.ts'
import { Exporters } from '../src/recorder/sources/netflow/exporters.ts'
import type { Header } from '../src/recorder/sources/netflow/record.ts'
import { ipv4, set, template, uints, v5, v9 } from '../tests/netflow.ts'
import { cpuSeconds, settledCpuSeconds } from './cpu.ts'
import { BenchRecorder } from './recorder.ts'
import { percent, print, type Row } from './table.ts'
import { UdpSender } from './udp-sender.ts'

/*
 * NetFlow in bursts: what the recorder and nfcapd keep of the same datagrams, one after the other in this run, beside what
 * Fluentd was measured to keep (28 % of 10,000 records). Then what a record costs the processor, beside nfcapd.
 */

const RECORDER_PORT = 29_055
const NFCAPD_PORT = 29_056
const FLUENTD_KEEPS = 0.28

interface Load {
  readonly name: string
  readonly records: number
  readonly datagrams: readonly Buffer[]
  /** Numbered as the next; it holds this many records. */
  readonly last: Buffer
  readonly lastHolds: number
}

interface Result {
  readonly stored: number
  /** Records that the program itself says it lost. */
  readonly counted: number
  readonly cpuSeconds: number
}

async function main(): Promise<void> {
  await ensurePackages(['nfdump'])
  const loads = [
    v5Load('10,000 records, 30 each (v5)', 10_000, 30),
    v5Load('10,000 records, one each (v5)', 10_000, 1),
    v5Load('50,000 records, one each (v5)', 50_000, 1),
    v9Load('50,000 datagrams, 20 each (v9)', 50_000, 20),
  ]
  const rows: Row[] = []
  for (const load of loads) {
    const ours = await recorder(load)
    const theirs = await nfcapd(load)
    rows.push({
      burst: load.name,
      recorder: percent(ours.stored, load.records),
      'stored + counted': percent(ours.stored + ours.counted, load.records),
      nfcapd: percent(theirs.stored, load.records),
      Fluentd: load.records === 10_000 ? percent(FLUENTD_KEEPS, 1) : '',
      'CPU per stored record, nfcapd = 1': ratio(
        ours.cpuSeconds / ours.stored,
        theirs.cpuSeconds / theirs.stored,
      ),
    })
  }
  print('Kept of a burst', rows)
  print('Decoding, JSON.stringify of the records = 1', loads.slice(2).map(decoding))
}

function v5Load(name: string, records: number, each: number): Load {
  const datagrams: Buffer[] = []
  const now = Math.floor(Date.now() / 1000)
  for (let at = 0; at < records; at += each) {
    const flows = Array.from({ length: Math.min(each, records - at) }, (_, i) => ({ octets: at + i }))
    datagrams.push(v5(flows, { sequence: at, exportSecs: now }))
  }
  return { name, records, datagrams, last: v5([{}], { sequence: records, exportSecs: now }), lastHolds: 1 }
}

function v9Load(name: string, count: number, each: number): Load {
  const definition = template(
    300,
    [8, 4],
    [12, 4],
    [7, 2],
    [11, 2],
    [4, 1],
    [6, 1],
    [1, 8],
    [2, 8],
    [21, 4],
    [22, 4],
  )
  const now = Math.floor(Date.now() / 1000)
  const datagrams = Array.from({ length: count }, (_, n) => {
    const flows = Array.from({ length: each }, (_, i) =>
      Buffer.concat([
        ipv4(`10.0.${n % 250}.${i}`),
        ipv4('198.51.100.7'),
        uints(
          [40_000 + i, 2],
          [443, 2],
          [6, 1],
          [27, 1],
          [1000 + n, 8],
          [10, 8],
          [3_599_000, 4],
          [3_590_000, 4],
        ),
      ]),
    )
    return v9([...(n % 1000 === 0 ? [set(0, definition)] : []), set(300, ...flows)], {
      sequence: n,
      exportSecs: now,
    })
  })
  const last = v9([], { sequence: count, exportSecs: now })
  return { name, records: count * each, datagrams, last, lastHolds: 0 }
}

async function recorder({ records, datagrams, last, lastHolds }: Load): Promise<Result> {
  const bench = await BenchRecorder.start({
    netflow: { address: '127.0.0.1', port: RECORDER_PORT },
    syslog: { address: '127.0.0.1', port: RECORDER_PORT + 10 },
    forward: { port: RECORDER_PORT + 11, addresses: ['127.0.0.1'] },
    nflogGroup: 4242,
  })
  const before = await cpuSeconds(bench.pid)
  const sender = new UdpSender(RECORDER_PORT)
  const seen = (count: number): Promise<unknown> =>
    bench.until('netflow', ({ stored, received, dropped, malformed, details }) => {
      const { datagrams: taken = 0, kernelDrops = 0 } = details
      return taken + kernelDrops === count && received === stored + dropped + malformed
    })
  try {
    sender.burst(datagrams)
    await seen(datagrams.length)
    const cpu = (await cpuSeconds(bench.pid)) - before
    // What is missing at the end shows with the next number.
    sender.burst([last])
    await seen(datagrams.length + 1)
    const { stored, dropped } = await bench.stop('netflow')
    const perNumber = lastHolds > 0 ? 1 : records / datagrams.length
    return { stored: stored - lastHolds, counted: dropped * perNumber, cpuSeconds: cpu }
  } finally {
    sender.close()
    await bench.stop('netflow').catch(() => undefined)
  }
}

async function nfcapd({ datagrams }: Load): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-nfcapd-'))
  const argv = ['-l', directory, '-p', String(NFCAPD_PORT), '-b', '127.0.0.1', '-t', '3600']
  const child = spawn('nfcapd', argv, { stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    await started(child)
    const before = await cpuSeconds(child.pid ?? 0)
    const sender = new UdpSender(NFCAPD_PORT)
    sender.burst(datagrams)
    sender.close()
    const used = await settledCpuSeconds(child.pid ?? 0)
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
    const statistics = await runOk(['nfdump', '-R', directory, '-I'])
    return { stored: Number(/^Flows: (\d+)$/m.exec(statistics)?.[1]), counted: 0, cpuSeconds: used - before }
  } finally {
    child.kill('SIGKILL')
    await rm(directory, { recursive: true })
  }
}

async function started({ stdout, stderr }: ChildProcess): Promise<void> {
  let said = ''
  for (const stream of [stdout, stderr]) stream?.on('data', (text: Buffer) => (said += String(text)))
  for (let i = 0; !said.includes('Startup'); i++) {
    if (i > 100) throw new Error(`nfcapd does not start: ${said}`)
    await sleep(100)
  }
}

function decoding({ name, datagrams, records }: Load): Row {
  const decode = (): object[] => {
    const exporters = new Exporters<Header>()
    const sender = { address: '192.0.2.1', port: 1 }
    return datagrams.flatMap((datagram) => decodeNetflow(datagram, sender, exporters, Date.now()).records)
  }
  const decoded = decode()
  if (decoded.length !== records) throw new Error(`${decoded.length} of ${records} records`)
  const decodeMs = best(decode)
  const writeMs = best(() => decoded.map((record) => JSON.stringify(record)))
  return { records: name, 'time to decode': ratio(decodeMs, writeMs) }
}

/** Of three times: the machine does other things as well. */
function best(work: () => unknown): number {
  const times = [1, 2, 3].map(() => {
    const before = performance.now()
    work()
    return performance.now() - before
  })
  return Math.min(...times)
}

function ratio(a: number, b: number): string {
  return (a / b).toFixed(1)
}

await main()
