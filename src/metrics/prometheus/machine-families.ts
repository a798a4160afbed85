import type { DiskFigures, InterfaceFigures } from '../proc.ts'
import type { Readings } from '../readings.ts'
import type { MetricsSettings } from '../settings.ts'
import type { Family, Sample } from './family.ts'

const MEMORY = [
  'MemTotal',
  'MemFree',
  'MemAvailable',
  'Buffers',
  'Cached',
  'SwapTotal',
  'SwapFree',
  'SwapCached',
] as const

const DISK = {
  node_disk_reads_completed_total: ['reads', 'Reads that were completed'],
  node_disk_read_bytes_total: ['readBytes', 'Bytes read'],
  node_disk_writes_completed_total: ['writes', 'Writes that were completed'],
  node_disk_written_bytes_total: ['writtenBytes', 'Bytes written'],
} as const satisfies Record<string, readonly [keyof DiskFigures, string]>

const NETWORK = {
  node_network_receive_bytes_total: ['receivedBytes', 'Bytes received'],
  node_network_receive_packets_total: ['receivedPackets', 'Packets received'],
  node_network_receive_errs_total: ['receiveErrors', 'Frames that came damaged'],
  node_network_receive_drop_total: ['receiveDrops', 'Packets dropped as they came'],
  node_network_transmit_bytes_total: ['sentBytes', 'Bytes sent'],
  node_network_transmit_packets_total: ['sentPackets', 'Packets sent'],
  node_network_transmit_errs_total: ['sendErrors', 'Packets that could not be sent'],
  node_network_transmit_drop_total: ['sendDrops', 'Packets dropped before they were sent'],
} as const satisfies Record<string, readonly [keyof InterfaceFigures, string]>

/** The machine, under the names that node_exporter gave it: dashboards for that one work with ours. */
export function machineFamilies(readings: Readings, { devices }: MetricsSettings): Family[] {
  const { load, cpus, memory, disks, interfaces, connections, bootTime, figures } = readings
  const zones = new Map(devices.map(({ device, zone }) => [device, zone]))
  return [
    gauge('node_load1', 'Load over 1 minute', one(load?.[0])),
    gauge('node_load5', 'Load over 5 minutes', one(load?.[1])),
    gauge('node_load15', 'Load over 15 minutes', one(load?.[2])),
    gauge('node_boot_time_seconds', 'When the machine booted, in seconds since 1970', one(bootTime)),
    counter(
      'node_cpu_seconds_total',
      'Seconds that each processor spent in each mode',
      Object.entries(cpus).flatMap(([cpu, seconds]) =>
        Object.entries(seconds).flatMap(([mode, value]) =>
          // node_exporter has them elsewhere, as they are part of two others.
          mode.startsWith('guest') ? [] : [{ labels: { cpu, mode }, value }],
        ),
      ),
    ),
    ...MEMORY.map((name) =>
      gauge(`node_memory_${name}_bytes`, `${name} of /proc/meminfo`, one(memory[name])),
    ),
    ...Object.entries(DISK).map(([name, [key, help]]) =>
      counter(
        name,
        help,
        Object.entries(disks).map(([device, disk]) => ({ labels: { device }, value: disk[key] })),
      ),
    ),
    ...Object.entries(NETWORK).map(([name, [key, help]]) =>
      counter(
        name,
        help,
        Object.entries(interfaces).map(([device, link]) => ({
          labels: { device, zone: zones.get(device) ?? '' },
          value: link[key],
        })),
      ),
    ),
    ...filesystemFamilies(figures?.filesystems ?? []),
    gauge('node_nf_conntrack_entries', 'Connections that the kernel tracks', one(connections?.count)),
    gauge('node_nf_conntrack_entries_limit', 'Connections that it tracks at most', one(connections?.max)),
  ]
}

function filesystemFamilies(filesystems: NonNullable<Readings['figures']>['filesystems']): Family[] {
  const samples = (value: (one: (typeof filesystems)[number]) => number): Sample[] =>
    filesystems.map((one) => ({
      labels: { device: one.name, mountpoint: one.mount },
      value: value(one),
    }))
  return [
    gauge(
      'node_filesystem_size_bytes',
      'Size of the file system',
      samples(({ sizeBytes }) => sizeBytes),
    ),
    gauge(
      'node_filesystem_free_bytes',
      'Free space, with what is reserved for root',
      samples(({ sizeBytes, usedBytes }) => sizeBytes - usedBytes),
    ),
    gauge(
      'node_filesystem_avail_bytes',
      'Space that programs may still take',
      samples(({ availableBytes }) => availableBytes),
    ),
  ]
}

export function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, help, type: 'gauge', samples }
}

export function counter(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, help, type: 'counter', samples }
}

/** A sample without labels, or none. */
export function one(value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ labels: {}, value }]
}
