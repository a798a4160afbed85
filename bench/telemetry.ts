import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
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
import { Namespace } from './namespaces.ts'
import { ours } from './rulesets.ts'
import { percent, print, type Row } from './table.ts'

/*
 * What watching costs the traffic: TCP through a router with the whole generated ruleset, without a monitor, with our flow
 * watcher and with softflowd on the same port: a router each, turn by turn. Frames of 1500 bytes, as from a network card
 * that puts none together.
 */

const ROUNDS = 20
const SECONDS = 2
/** A processor for each end: where the scheduler puts them says more than what watches. */
const PINNED = ['-A', '0,1']
const PACED_ROUNDS = 3
const PACED = '1G'
const ETHERNET_BYTES = 14
const SERVER = '203.0.113.1'
const CLIENT = '10.0.0.20'
const WAN = '203.0.113.5'
const MAC = {
  lan: '02:00:5e:00:03:01',
  wan: '02:00:5e:00:03:02',
  client: '02:00:5e:00:03:03',
  server: '02:00:5e:00:03:04',
} as const
const NETFLOW_PORT = 29_058
const ROOT = join(import.meta.dirname, '..')

const NONE = 'no monitor'
const OURS = 'our flow watcher'
const SOFTFLOWD = 'softflowd'

/** One run of iperf3. */
interface Turn {
  readonly bytes: number
  readonly bitsPerSecond: number
  /** Of both ends, which the kernel forwards in the time of, of its own threads for that, and of the monitor. */
  readonly cpuSeconds: number
  readonly monitorSeconds: number
}

/** What watches, and how many bytes it saw in the end. */
interface Monitor {
  readonly pid?: number
  seen(): Promise<number>
  stop(): Promise<void>
}

async function main(): Promise<void> {
  await ensurePackages(['iperf3', 'softflowd', 'nfdump', 'conntrack', 'ethtool', 'nftables', 'iproute2'])
  const directory = await mkdtemp(join(tmpdir(), 'bench-telemetry-'))
  const beds = new Map<string, Bed>()
  try {
    beds.set(NONE, await Bed.start(async () => ({ seen: async () => Number.NaN, stop: async () => {} })))
    beds.set(OURS, await Bed.start((router) => flowWatcher(router, directory)))
    beds.set(SOFTFLOWD, await Bed.start((router) => softflowd(router, directory)))
    const full = await rounds(beds, ROUNDS, ['-t', String(SECONDS)])
    const paced = await rounds(beds, PACED_ROUNDS, ['-t', String(SECONDS), '-b', PACED])
    const rows: Row[] = []
    const errors = new Map<string, number>()
    for (const [name, bed] of beds) {
      const { wrong, carried } = await bed.error()
      errors.set(name, wrong)
      rows.push({
        monitor: name,
        'Gbit/s': median(of(full, name, (turn) => turn.bitsPerSecond / 1e9)).toFixed(2),
        'of without': ratio(full, name, speed),
        'CPU seconds per GB': median(of(full, name, perGigabyte)).toFixed(2),
        'to without': ratio(full, name, perGigabyte),
        'cores of its own at 1 Gbit/s': mean(
          of(paced, name, (turn) => turn.monitorSeconds / SECONDS),
        ).toFixed(3),
        'bytes wrong': Number.isNaN(wrong) ? '' : `${wrong} (${percent(wrong, carried)})`,
      })
    }
    print('TCP through the router, frames of 1500 bytes', rows)
    if (Number(ratio(full, OURS, speed)) < 0.99 || errors.get(OURS) !== 0) process.exitCode = 1
  } finally {
    for (const bed of beds.values()) await bed.stop()
    await rm(directory, { recursive: true })
  }
}

type Turns = ReadonlyMap<string, readonly Turn[]>

async function rounds(
  beds: ReadonlyMap<string, Bed>,
  count: number,
  options: readonly string[],
): Promise<Turns> {
  const turns = new Map<string, Turn[]>()
  const names = [...beds.keys()]
  for (let round = 0; round < count; round++) {
    // Each begins as often as the others.
    for (const name of [...names.slice(round % names.length), ...names.slice(0, round % names.length)]) {
      const turn = await beds.get(name)?.turn(options)
      if (turn) turns.set(name, [...(turns.get(name) ?? []), turn])
    }
  }
  return turns
}

/** A client, a router and a server in namespaces of their own, and what watches the router. */
class Bed {
  readonly #spaces: readonly Namespace[]
  readonly #router: Namespace
  readonly #client: Namespace
  readonly #server: ChildProcess
  readonly #monitor: Monitor

  private constructor(
    spaces: readonly Namespace[],
    router: Namespace,
    client: Namespace,
    server: ChildProcess,
    monitor: Monitor,
  ) {
    this.#spaces = spaces
    this.#router = router
    this.#client = client
    this.#server = server
    this.#monitor = monitor
  }

  static async start(watch: (router: Namespace) => Promise<Monitor>): Promise<Bed> {
    const [router, client, provider] = [
      await Namespace.start(),
      await Namespace.start(),
      await Namespace.start(),
    ]
    const { load, rules, sysctls } = await ours(1, 1)
    await router.ip(
      'link set lo up',
      `link add lan0 address ${MAC.lan} type veth peer name eth0 address ${MAC.client} netns ${client.pid}`,
      `link add wan0 address ${MAC.wan} type veth peer name eth0 address ${MAC.server} netns ${provider.pid}`,
      'link set lan0 addrgenmode none up',
      'link set wan0 addrgenmode none up',
      'addr add 10.0.0.1/24 dev lan0',
      `addr add ${WAN}/24 dev wan0`,
      ...neighbours('lan0', [CLIENT, MAC.client]),
      ...neighbours('wan0', [SERVER, MAC.server]),
    )
    for (const [space, address, neighbour] of [
      [client, CLIENT, ['10.0.0.1', MAC.lan]],
      [provider, SERVER, [WAN, MAC.wan]],
    ] as const)
      await space.ip(
        'link set lo up',
        'link set eth0 addrgenmode none up',
        `addr add ${address}/24 dev eth0`,
        ...neighbours('eth0', neighbour),
      )
    await client.ip('route add default via 10.0.0.1')
    for (const [space, devices] of [
      [router, ['lan0', 'wan0']],
      [client, ['eth0']],
      [provider, ['eth0']],
    ] as const)
      for (const device of devices)
        await space.run(['ethtool', '-K', device, 'tso', 'off', 'gso', 'off', 'gro', 'off'])
    await router.run(load, rules)
    router.sysctl({ ...sysctls, 'net.ipv4.ip_forward': 1 })
    const [program = '', ...argv] = provider.argv('iperf3', '-s')
    const server = spawn(program, argv, { stdio: 'ignore' })
    const monitor = await watch(router)
    await sleep(500)
    return new Bed([router, client, provider], router, client, server, monitor)
  }

  async turn(options: readonly string[]): Promise<Turn> {
    const before = await this.#kernelAndMonitor()
    const said = JSON.parse(await this.#client.run(['iperf3', '-J', '-c', SERVER, ...PINNED, ...options]))
    const after = await this.#kernelAndMonitor()
    const { sum_received: sum, cpu_utilization_percent: cpu } = said.end
    const monitorSeconds = after.monitor - before.monitor
    const ends = ((cpu.host_total + cpu.remote_total) / 100) * sum.seconds
    return {
      bytes: sum.bytes,
      bitsPerSecond: sum.bits_per_second,
      cpuSeconds: ends + after.kernel - before.kernel + monitorSeconds,
      monitorSeconds,
    }
  }

  async #kernelAndMonitor(): Promise<{ kernel: number; monitor: number }> {
    let kernel = 0
    for (const pid of await softirqThreads()) kernel += await cpuSeconds(pid)
    return { kernel, monitor: this.#monitor.pid === undefined ? 0 : await cpuSeconds(this.#monitor.pid) }
  }

  /** Of the bytes that the router's port has carried, how many the monitor did not see, or saw too many. */
  async error(): Promise<{ wrong: number; carried: number }> {
    await this.#router.run(['conntrack', '-F'])
    const seen = await this.#monitor.seen()
    const { received, sent } = this.#router.counters('lan0')
    const carried = received.bytes + sent.bytes - ETHERNET_BYTES * (received.packets + sent.packets)
    return { wrong: Math.abs(seen - carried), carried }
  }

  async stop(): Promise<void> {
    await this.#monitor.stop()
    this.#server.kill('SIGKILL')
    await Promise.all(this.#spaces.map((space) => space.stop()))
  }
}

/** Known beforehand, so that all bytes on the link are IPv4's. */
function neighbours(device: string, [address, mac]: readonly [string, string]): string[] {
  return [`neigh add ${address} lladdr ${mac} dev ${device} nud permanent`]
}

async function flowWatcher(router: Namespace, parent: string): Promise<Monitor> {
  const directory = join(parent, 'ours')
  await mkdir(directory)
  const wal = await Wal.open({ data: directory, flushMs: 100 })
  const source = await WatchSource.start(join(directory, 'recorder.sock'), wal)
  const settings = watchSettings(directory, {
    networks: [{ name: 'home', device: 'lan0', prefix: '10.0.0.1/24' }],
  })
  const path = join(directory, 'settings.json')
  await writeFile(path, JSON.stringify(settings))
  const child = start(router, process.execPath, join(ROOT, 'src/watch/flows/main.ts'), path)
  if (child.stdout) await once(child.stdout, 'data')
  child.stdout?.resume()
  return {
    ...(child.pid !== undefined && { pid: child.pid }),
    seen: async () => {
      await sleep(2000)
      await end(child)
      const records = await loggedRecords<FlowRecord>(directory, 'flows')
      return records.reduce((sum, one) => sum + one.octetDeltaCount + one.reverseOctetDeltaCount, 0)
    },
    stop: async () => {
      await end(child, 'SIGKILL')
      await source.stop()
      await wal.close()
    },
  }
}

async function softflowd(router: Namespace, parent: string): Promise<Monitor> {
  const directory = join(parent, 'softflowd')
  await mkdir(directory)
  const [capture, control] = [join(directory, 'nfcapd'), join(directory, 'ctl')]
  await mkdir(capture)
  const port = String(NETFLOW_PORT)
  const nfcapd = start(router, 'nfcapd', '-l', capture, '-p', port, '-b', '127.0.0.1', '-t', '3600')
  const options = ['-v', '9', '-n', `127.0.0.1:${port}`, '-d', '-p', join(directory, 'pid'), '-c', control]
  const child = start(router, 'softflowd', '-i', 'lan0', ...options)
  for (const one of [nfcapd, child]) for (const stream of [one.stdout, one.stderr]) stream?.resume()
  return {
    ...(child.pid !== undefined && { pid: child.pid }),
    seen: async () => {
      await router.run(['softflowctl', '-c', control, 'expire-all'])
      await sleep(2000)
      await end(child)
      await end(nfcapd)
      return Number(/^Bytes: (\d+)$/m.exec(await runOk(['nfdump', '-R', capture, '-I']))?.[1])
    },
    stop: async () => {
      await end(child, 'SIGKILL')
      await end(nfcapd, 'SIGKILL')
    },
  }
}

/** nsenter becomes the program: the child's pid is the program's. */
function start(space: Namespace, ...command: readonly string[]): ChildProcess {
  const [program = '', ...argv] = space.argv(...command)
  return spawn(program, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

/** Where the kernel forwards when it is behind; others' packets are in their time as well. */
async function softirqThreads(): Promise<number[]> {
  const text = await runOk(['ps', '-e', '-o', 'pid=,comm='])
  return [...text.matchAll(/^ *(\d+) ksoftirqd\/\d+$/gm)].map((match) => Number(match[1]))
}

function speed({ bitsPerSecond }: Turn): number {
  return bitsPerSecond
}

function perGigabyte({ cpuSeconds, bytes }: Turn): number {
  return cpuSeconds / (bytes / 1e9)
}

function of(turns: Turns, name: string, figure: (turn: Turn) => number): number[] {
  return (turns.get(name) ?? []).map(figure)
}

/** The median over the rounds, as both had the same company in each. */
function ratio(turns: Turns, name: string, figure: (turn: Turn) => number): string {
  const without = of(turns, NONE, figure)
  return median(of(turns, name, figure).map((value, i) => value / (without[i] ?? Number.NaN))).toFixed(2)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

await main()
