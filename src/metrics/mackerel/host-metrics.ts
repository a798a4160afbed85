import type { CpuMode, CpuSeconds } from '../proc.ts'
import type { Readings } from '../readings.ts'
import { metricPart, perSecond } from './names.ts'

/** In this order the graph of Mackerel stacks them (mackerel.io/docs/entry/spec/metrics). */
const CPU_MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal', 'guest'] as const

/**
 * The system metrics, by the names that Mackerel knows (mackerel.io/docs/entry/spec/metrics): those that mackerel-agent
 * posts, from two looks at the router. Deltas are a second's.
 */
export function hostMetrics(before: Readings, now: Readings): Record<string, number> {
  return {
    ...loadMetrics(now),
    ...cpuMetrics(before.cpus, now.cpus),
    ...memoryMetrics(now.memory),
    ...diskMetrics(before, now),
    ...interfaceMetrics(before, now),
    ...filesystemMetrics(now),
  }
}

function loadMetrics({ load }: Readings): Record<string, number> {
  return load ? { loadavg1: load[0], loadavg5: load[1], loadavg15: load[2] } : {}
}

/** Shares of all processors together: 100 times their number in all. A guest's time is not the user's as well. */
function cpuMetrics(before: Readings['cpus'], now: Readings['cpus']): Record<string, number> {
  const names = Object.keys(now).filter((name) => before[name] !== undefined)
  const spent = (mode: CpuMode): number =>
    names.reduce((sum, name) => sum + since(before[name], now[name], mode), 0)
  const modes = CPU_MODES.map((mode) => [mode, spent(mode) - (mode === 'user' ? spent('guest') : 0)] as const)
  const total = modes.reduce((sum, [, seconds]) => sum + seconds, 0)
  if (total <= 0) return {}
  return Object.fromEntries(
    modes.map(([mode, seconds]) => [
      `cpu.${mode}.percentage`,
      Math.max(0, (seconds / total) * 100 * names.length),
    ]),
  )
}

function since(before: CpuSeconds | undefined, now: CpuSeconds | undefined, mode: CpuMode): number {
  // The kernel lets iowait go backwards (proc(5)).
  return Math.max(0, (now?.[mode] ?? 0) - (before?.[mode] ?? 0))
}

/** In bytes. The agent's own names for two of them are there too: hosts of both kinds look the same. */
function memoryMetrics(memory: Readings['memory']): Record<string, number> {
  const { MemTotal, MemAvailable, SwapTotal, SwapFree, SwapCached } = memory
  if (MemTotal === undefined || MemAvailable === undefined) return {}
  return {
    'memory.total': MemTotal,
    'memory.available': MemAvailable,
    'memory.mem_available': MemAvailable,
    'memory.used': MemTotal - MemAvailable,
    ...(SwapTotal !== undefined &&
      SwapFree !== undefined && {
        'memory.swap_total': SwapTotal,
        'memory.swap_free': SwapFree,
        'memory.swap_used': SwapTotal - SwapFree,
        'memory.swap_cached': SwapCached ?? 0,
      }),
  }
}

function diskMetrics(before: Readings, now: Readings): Record<string, number> {
  const found = Object.entries(now.disks)
    .slice(0, MAX_DEVICES)
    .flatMap(([name, disk]) => {
      const old = before.disks[name]
      if (!old) return []
      const part = metricPart(name)
      return [
        [`disk.${part}.reads.delta`, perSecond(old.reads, disk.reads, before, now)] as const,
        [`disk.${part}.writes.delta`, perSecond(old.writes, disk.writes, before, now)] as const,
      ]
    })
  return known(found)
}

function interfaceMetrics(before: Readings, now: Readings): Record<string, number> {
  const found = Object.entries(now.interfaces)
    .slice(0, MAX_DEVICES)
    .flatMap(([name, link]) => {
      const old = before.interfaces[name]
      if (!old) return []
      const part = metricPart(name)
      const rx = perSecond(old.receivedBytes, link.receivedBytes, before, now)
      const tx = perSecond(old.sentBytes, link.sentBytes, before, now)
      return [
        [`interface.${part}.rxBytes.delta`, rx] as const,
        [`interface.${part}.txBytes.delta`, tx] as const,
      ]
    })
  return known(found)
}

function filesystemMetrics({ figures }: Readings): Record<string, number> {
  return Object.fromEntries(
    (figures?.filesystems ?? []).slice(0, MAX_DEVICES).flatMap(({ name, sizeBytes, usedBytes }) => [
      [`filesystem.${metricPart(name)}.size`, sizeBytes],
      [`filesystem.${metricPart(name)}.used`, usedBytes],
    ]),
  )
}

/** Of each kind: a standard host has 200 metrics (mackerel.io/docs/entry/spec/about-host), and there are more kinds. */
const MAX_DEVICES = 16

function known(found: readonly (readonly [string, number | undefined])[]): Record<string, number> {
  return Object.fromEntries(found.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}
