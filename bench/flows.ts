import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensurePackages } from '../src/build/debian.ts'
import { runOk } from '../src/lib/run.ts'
import type { FlowRecord } from '../src/recorder/records/flow.ts'
import { WatchSource } from '../src/recorder/sources/watch/listen.ts'
import { Wal } from '../src/recorder/wal/wal.ts'
import { loggedRecords } from '../tests/recorder-log.ts'
import { watchSettings } from '../tests/watch-settings.ts'
import { cpuSeconds } from './cpu.ts'
import { BYTES, CLIENT, SERVER } from './flow-load.ts'
import { percent, print, type Row } from './table.ts'

/*
 * 50,000 short connections through a router that masquerades, in a network namespace: what our flow watcher records, beside
 * what `conntrack -E` and softflowd see of the very same packets at the same time.
 */

const TCP = 25_000
const UDP = 25_000
const FLOWS = TCP + UDP
const RATES = [3000, 20_000]
const ROOT = join(import.meta.dirname, '..')
const ROUTER = 'bench-flows-r'
const LOAD = 'bench-flows-l'
const NETFLOW_PORT = 29_057

async function main(): Promise<void> {
  await ensurePackages(['conntrack', 'softflowd', 'nfdump'])
  const rows: Row[] = []
  for (const rate of RATES) rows.push(await run(rate))
  print(`${FLOWS} short connections, half TCP and half UDP: seen of them`, rows)
}

async function run(rate: number): Promise<Row> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-flows-'))
  const children: ChildProcess[] = []
  const start = (...argv: readonly string[]): ChildProcess => {
    const child = spawn('nsenter', [`--net=/run/netns/${ROUTER}`, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    children.push(child)
    return child
  }
  const wal = await Wal.open({ data: directory, flushMs: 100 })
  const source = await WatchSource.start(join(directory, 'recorder.sock'), wal)
  try {
    const macs = await namespaces()
    const ours = start(process.execPath, join(ROOT, 'src/watch/flows/main.ts'), await settings(directory))
    // Into a file, so that nobody keeps it waiting.
    const said = join(directory, 'conntrack')
    const conntrack = start('sh', '-c', `exec conntrack -E -e DESTROY -b ${8 * 1024 * 1024} >${said}`)
    const capture = join(directory, 'nfcapd')
    await mkdir(capture)
    const nfcapd = start(
      'nfcapd',
      '-l',
      capture,
      '-p',
      String(NETFLOW_PORT),
      '-b',
      '127.0.0.1',
      '-t',
      '3600',
      '-B',
      '33554432',
    )
    const timeouts = ['tcp', 'tcp.fin', 'tcp.rst', 'udp', 'general'].flatMap((name) => ['-t', `${name}=20`])
    const collector = `127.0.0.1:${NETFLOW_PORT}`
    const argv = ['-i', 'lan0', '-v', '9', '-n', collector, '-m', '200000', '-d', ...timeouts]
    const softflowd = start('softflowd', ...argv, '-p', join(directory, 'pid'), '-c', join(directory, 'ctl'))
    for (const child of [nfcapd, softflowd, conntrack, ours]) child.stderr?.resume()
    if (ours.stdout) await once(ours.stdout, 'data')
    ours.stdout?.resume()
    await sleep(1000)

    const took = await load(macs, rate)
    await tracked(0)
    await sleep(3000)
    const [ourCpu, conntrackCpu] = await Promise.all([ours, conntrack].map(({ pid }) => cpuSeconds(pid ?? 0)))
    const control = ['softflowctl', '-c', join(directory, 'ctl'), 'expire-all']
    await runOk(['nsenter', `--net=/run/netns/${ROUTER}`, ...control])
    await sleep(5000)
    await end(softflowd)
    await end(conntrack)
    await end(nfcapd)
    await end(ours)
    const status = JSON.parse(await readFile(join(directory, 'flows.json'), 'utf8'))
    const byConntrack = (await readFile(said, 'utf8')).split('\n').length - 1
    return {
      'connections/s': Math.round(FLOWS / took),
      'ours, exact': shown(exact(await loggedRecords<FlowRecord>(directory, 'flows'))),
      overruns: status.overruns,
      'conntrack -E': shown(byConntrack),
      softflowd: shown(await netflows(capture)),
      'µs of CPU per connection: ours': microseconds(ourCpu, FLOWS),
      'conntrack -E (of what it saw)': microseconds(conntrackCpu, byConntrack),
    }
  } finally {
    for (const child of children) await end(child, 'SIGKILL')
    await source.stop()
    await wal.close()
    for (const name of [ROUTER, LOAD]) await runOk(['ip', 'netns', 'del', name]).catch(() => undefined)
    await rm(directory, { recursive: true })
  }
}

function microseconds(seconds: number | undefined, count: number): string {
  return (((seconds ?? 0) / Math.max(1, count)) * 1e6).toFixed(0)
}

function shown(seen: number): string {
  return `${seen} (${percent(seen, FLOWS)})`
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

/** Connections of which there is one record with the very bytes that were sent. */
function exact(records: readonly FlowRecord[]): number {
  const seen = new Set<string>()
  for (const one of records) {
    const [there, back] = one.protocolIdentifier === 6 ? BYTES.tcp : BYTES.udp
    const right = one.octetDeltaCount === there && one.reverseOctetDeltaCount === back
    if (one.sourceAddress === CLIENT && right)
      seen.add(`${one.protocolIdentifier} ${one.sourceTransportPort}`)
  }
  return seen.size
}

/** Connections of which softflowd exported the client's direction. */
async function netflows(directory: string): Promise<number> {
  const text = await runOk([
    'nfdump',
    '-q',
    '-R',
    directory,
    '-A',
    'proto,srcport',
    '-o',
    'fmt:%pr %sp',
    `src ip ${CLIENT}`,
  ])
  return text.split('\n').filter((line) => line.trim() !== '').length
}

async function settings(directory: string): Promise<string> {
  const path = join(directory, 'settings.json')
  const value = watchSettings(directory, {
    networks: [{ name: 'home', device: 'lan0', prefix: '10.9.0.1/24' }],
  })
  await writeFile(path, JSON.stringify(value))
  return path
}

/** A router between two cables whose other ends are in one namespace without addresses, where frames come from. */
async function namespaces(): Promise<Record<'client' | 'server', string>> {
  for (const name of [ROUTER, LOAD]) await runOk(['ip', 'netns', 'add', name])
  const router = (...argv: readonly string[]): Promise<string> =>
    runOk(['nsenter', `--net=/run/netns/${ROUTER}`, ...argv])
  await router('ip', 'link', 'set', 'lo', 'up')
  const macs = { client: '', server: '' }
  for (const [side, device, peer, address, other] of [
    ['client', 'lan0', 'c0', '10.9.0.1/24', CLIENT],
    ['server', 'wan0', 's0', '203.0.113.1/24', SERVER],
  ] as const) {
    await router('ip', 'link', 'add', device, 'type', 'veth', 'peer', 'name', peer, 'netns', LOAD)
    await runOk(['ip', '-n', LOAD, 'link', 'set', peer, 'up', 'arp', 'off'])
    await router('ip', 'address', 'add', address, 'dev', device)
    await router('ip', 'link', 'set', device, 'up')
    await router(
      'ip',
      'neigh',
      'add',
      other,
      'lladdr',
      '02:00:00:00:00:00',
      'dev',
      device,
      'nud',
      'permanent',
    )
    const [link]: { address: string }[] = JSON.parse(await router('ip', '-j', 'link', 'show', device))
    macs[side] = link?.address ?? ''
  }
  const names = { acct: 1, timestamp: 1, events: 1, checksum: 0, udp_timeout: 5, udp_timeout_stream: 5 }
  const more = { tcp_timeout_time_wait: 5, tcp_timeout_close: 5 }
  const sysctls = Object.entries({ ...names, ...more }).map(
    ([k, v]) => `net.netfilter.nf_conntrack_${k}=${v}`,
  )
  await router('sysctl', '-qw', 'net.ipv4.ip_forward=1', ...sysctls)
  await router(
    'nft',
    'add table ip nat; add chain ip nat post { type nat hook postrouting priority srcnat; }; add rule ip nat post oifname wan0 masquerade',
  )
  return macs
}

/** On one processor, so that no packet overtakes another; resolves to the seconds that it took. */
async function load(macs: Record<'client' | 'server', string>, rate: number): Promise<number> {
  const script = join(import.meta.dirname, 'flow-load.ts')
  const pinned = ['nsenter', `--net=/run/netns/${LOAD}`, 'taskset', '-c', '0', process.execPath, script]
  const figures = [TCP, UDP, rate].map(String)
  return Number(await runOk([...pinned, 'c0', 's0', macs.client, macs.server, ...figures]))
}

/** Waits until connection tracking has as many as this, or for three minutes. */
async function tracked(count: number): Promise<void> {
  for (let i = 0; i < 180; i++) {
    const path = '/proc/sys/net/netfilter/nf_conntrack_count'
    const now = Number(await runOk(['nsenter', `--net=/run/netns/${ROUTER}`, 'cat', path]))
    if (now <= count) return
    await sleep(1000)
  }
}

await main()
