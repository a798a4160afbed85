/*
 * What the kernel says of the machine, by proc(5). All of it is pure: text in, figures out, and nothing for what a text
 * does not say.
 */

const CPU_MODES = [
  'user',
  'nice',
  'system',
  'idle',
  'iowait',
  'irq',
  'softirq',
  'steal',
  'guest',
  'guest_nice',
] as const
export type CpuMode = (typeof CPU_MODES)[number]
/** Seconds in each mode since boot. As the kernel has it, guest is part of user and guest_nice of nice. */
export type CpuSeconds = Readonly<Record<CpuMode, number>>

/** USER_HZ, which is 100 on every architecture that we run on. */
const TICKS_PER_SEC = 100
/** Of /proc/diskstats, whatever the disk has (Documentation/admin-guide/iostats). */
const SECTOR_BYTES = 512

export interface DiskFigures {
  readonly reads: number
  readonly readBytes: number
  readonly writes: number
  readonly writtenBytes: number
}

export interface InterfaceFigures {
  readonly receivedBytes: number
  readonly receivedPackets: number
  readonly receiveErrors: number
  readonly receiveDrops: number
  readonly sentBytes: number
  readonly sentPackets: number
  readonly sendErrors: number
  readonly sendDrops: number
}

/** /proc/loadavg: over 1, 5 and 15 minutes. */
export function parseLoad(text: string): readonly [number, number, number] | undefined {
  const [one = Number.NaN, five = Number.NaN, fifteen = Number.NaN] = text.split(' ').map(Number)
  return [one, five, fifteen].every(Number.isFinite) ? [one, five, fifteen] : undefined
}

/** /proc/stat: each processor by its number, and when the machine booted, in seconds since 1970. */
export function parseStat(text: string): {
  readonly cpus: Readonly<Record<string, CpuSeconds>>
  readonly bootTime?: number
} {
  const cpus: Record<string, CpuSeconds> = {}
  let bootTime: number | undefined
  for (const line of text.split('\n')) {
    const [name = '', ...fields] = line.split(/\s+/)
    const number = /^cpu(\d+)$/.exec(name)?.[1]
    if (number !== undefined) cpus[number] = cpuSeconds(fields)
    if (name === 'btime') bootTime = natural(fields[0])
  }
  return { cpus, ...(bootTime !== undefined && { bootTime }) }
}

function cpuSeconds(fields: readonly string[]): CpuSeconds {
  const seconds = CPU_MODES.map((mode, i) => [mode, natural(fields[i]) / TICKS_PER_SEC] as const)
  return Object.fromEntries(seconds) as Record<CpuMode, number>
}

/** /proc/meminfo: bytes by the kernel's own names, as "MemAvailable". */
export function parseMeminfo(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    [...text.matchAll(/^(\w+): +(\d+) kB$/gm)].map(([, name = '', kib]) => [name, natural(kib) * 1024]),
  )
}

/** /proc/diskstats: the disks that were ever used, without loops, memory disks and partitions. */
export function parseDisks(text: string): Readonly<Record<string, DiskFigures>> {
  const disks: Record<string, DiskFigures> = {}
  for (const line of text.split('\n')) {
    const [, , name = '', reads, , sectorsRead, , writes, , sectorsWritten] = line.trim().split(/\s+/)
    if (name === '' || /^(loop|ram|zram|sr|fd)\d/.test(name) || isPartition(name)) continue
    const figures = {
      reads: natural(reads),
      readBytes: natural(sectorsRead) * SECTOR_BYTES,
      writes: natural(writes),
      writtenBytes: natural(sectorsWritten) * SECTOR_BYTES,
    }
    if (figures.reads + figures.writes > 0) disks[name] = figures
  }
  return disks
}

/** sda1, vdb12, nvme0n1p2, mmcblk0p1: what is done to them is counted at their disk too. */
function isPartition(name: string): boolean {
  return /^([shv]|xv)d[a-z]+\d+$/.test(name) || /^(nvme\d+n\d+|mmcblk\d+)p\d+$/.test(name)
}

/** /proc/net/dev, of these devices only: containers come and go with theirs. */
export function parseInterfaces(
  text: string,
  devices: readonly string[],
): Readonly<Record<string, InterfaceFigures>> {
  const found: Record<string, InterfaceFigures> = {}
  for (const line of text.split('\n')) {
    const end = line.lastIndexOf(':')
    const name = line.slice(0, end).trim()
    if (end < 0 || !devices.includes(name)) continue
    const f = line
      .slice(end + 1)
      .trim()
      .split(/\s+/)
    found[name] = {
      receivedBytes: natural(f[0]),
      receivedPackets: natural(f[1]),
      receiveErrors: natural(f[2]),
      receiveDrops: natural(f[3]),
      sentBytes: natural(f[8]),
      sentPackets: natural(f[9]),
      sendErrors: natural(f[10]),
      sendDrops: natural(f[11]),
    }
  }
  return found
}

function natural(text: string | undefined): number {
  const value = Number(text)
  return Number.isFinite(value) && value > 0 ? value : 0
}
