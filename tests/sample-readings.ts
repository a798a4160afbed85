import type { Readings } from '../src/metrics/readings.ts'

const CPU = {
  user: 10,
  nice: 0,
  system: 5,
  idle: 80,
  iowait: 1,
  irq: 0,
  softirq: 1,
  steal: 0,
  guest: 2,
  guest_nice: 0,
}
const NONE = { receiveErrors: 0, receiveDrops: 0, sendErrors: 0, sendDrops: 0 }

/** A router with everything, `secs` after it began to count. */
export function sampleReadings(secs: number, more: Partial<Readings> = {}): Readings {
  const grown = <T extends Readonly<Record<string, number>>>(base: T, by: Partial<T>): T =>
    Object.fromEntries(
      Object.entries(base).map(([key, value]) => [key, value + (by[key] ?? 0) * secs]),
    ) as unknown as T
  const link = { receivedBytes: 1000, receivedPackets: 10, sentBytes: 2000, sentPackets: 20, ...NONE }
  const counts = { received: 10, stored: 9, dropped: 1, malformed: 0 }
  return {
    time: Date.UTC(2026, 10, 26) + secs * 1000,
    monotonicMs: secs * 1000,
    load: [0.1, 0.2, 0.3],
    cpus: { '0': grown(CPU, { user: 0.5, guest: 0.25, idle: 0.5 }), '1': grown(CPU, { idle: 1 }) },
    bootTime: 1_700_000_000,
    memory: {
      MemTotal: 4e9,
      MemFree: 1e9,
      MemAvailable: 3e9,
      Buffers: 1e8,
      Cached: 1e9,
      SwapTotal: 1e9,
      SwapFree: 9e8,
      SwapCached: 1e7,
    },
    disks: {
      sda: grown({ reads: 1, readBytes: 512, writes: 2, writtenBytes: 1024 }, { reads: 3, writes: 4 }),
    },
    interfaces: {
      lo: grown(link, { receivedBytes: 100, sentBytes: 50 }),
      'lan1.20': grown(link, { receivedBytes: 7 }),
    },
    connections: { count: 12, max: 65_536 },
    figures: {
      version: 1,
      time: '2026-11-26T00:00:00Z',
      filesystems: [{ name: 'sda1', mount: '/', sizeBytes: 1e10, usedBytes: 4e9, availableBytes: 5e9 }],
      resolver: {
        'total.num.queries': 100 + 10 * secs,
        'total.num.cachehits': 50 + 8 * secs,
        'total.num.cachemiss': 50 + 2 * secs,
        'total.num.prefetch': 1,
        'total.requestlist.current.all': 0,
        'total.recursion.time.avg': 0.2,
        'num.answer.rcode.NOERROR': 90,
        'num.answer.secure': 30,
        'num.answer.bogus': 0,
        'time.up': 100,
        'histogram.000000.065536.to.000000.131072': 4 + secs,
        'histogram.000000.131072.to.000000.262144': 1,
      },
      leases: {
        'subnet[1].assigned-addresses': 3,
        'subnet[1].total-addresses': 126,
        'subnet[1].declined-addresses': 0,
        'pkt4-ack-sent': 4,
        'pkt4-request-received': 5,
        'pkt4-receive-drop': 0,
      },
    },
    agent: { up4: true, up6: false, resolvers: ['192.0.2.53'], jobs: { names: true } },
    recorder: {
      sources: { syslog: grown(counts, { received: 2, stored: 2 }), drops: counts },
      logBytes: 5000,
      lostRows: 0,
      archive: { files: 3, bytes: 60_000 },
      cost: { storedBytes: 65_000, dollars: 0.01, yen: 1.5 },
      upload: { waiting: 0, droppedFiles: 0 },
    },
    watchers: {
      dns: { received: 10, stored: 10, dropped: 0, kernelDrops: 0 },
      flows: { received: 20, stored: 20, dropped: 0 },
    },
    wanLatencySecs: 0.012,
    ...more,
  }
}
