import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Figures } from '../agent/figures.ts'
import { resolverAnswers } from '../agent/probe.ts'
import {
  type CpuSeconds,
  type DiskFigures,
  type InterfaceFigures,
  parseDisks,
  parseInterfaces,
  parseLoad,
  parseMeminfo,
  parseStat,
} from './proc.ts'
import type { MetricsSettings } from './settings.ts'
import {
  type AgentReading,
  agentReading,
  type RecorderReading,
  recorderReading,
  type WatcherReading,
  watcherReading,
  writtenAt,
} from './statuses.ts'

/** The router at one moment: plain data, from which both programs make what they show. */
export interface Readings {
  /** Milliseconds since 1970, and of a clock that nobody sets. */
  readonly time: number
  readonly monotonicMs: number
  readonly load?: readonly [number, number, number]
  readonly cpus: Readonly<Record<string, CpuSeconds>>
  readonly bootTime?: number
  /** Bytes by the names of /proc/meminfo. */
  readonly memory: Readonly<Record<string, number>>
  readonly disks: Readonly<Record<string, DiskFigures>>
  readonly interfaces: Readonly<Record<string, InterfaceFigures>>
  readonly connections?: { readonly count: number; readonly max: number }
  readonly figures?: Figures
  readonly agent?: AgentReading
  readonly recorder?: RecorderReading
  readonly watchers: Readonly<Record<string, WatcherReading>>
  /** How long the provider's resolver took to answer; absent when there is none, or none did. */
  readonly wanLatencySecs?: number
}

/** What is older was left by a process that is gone. */
const STALE_MS = 60_000
const LATENCY_TIMEOUT_MS = 2000
const CONNTRACK = '/proc/sys/net/netfilter/nf_conntrack_'

/** Looks at the router once. What cannot be read is missing in the result; nothing throws. */
export async function takeReadings(settings: MetricsSettings): Promise<Readings> {
  const time = Date.now()
  const monotonicMs = performance.now()
  const [
    loadText,
    stat,
    meminfo,
    diskstats,
    netDev,
    count,
    max,
    agentText,
    figuresText,
    recorder,
    dns,
    flows,
  ] = await Promise.all([
    read('/proc/loadavg'),
    read('/proc/stat'),
    read('/proc/meminfo'),
    read('/proc/diskstats'),
    read('/proc/net/dev'),
    read(`${CONNTRACK}count`),
    read(`${CONNTRACK}max`),
    read(join(settings.agent, 'status.json')),
    read(join(settings.agent, 'figures.json')),
    read(join(settings.statuses, 'recorder/status.json')),
    read(join(settings.statuses, 'watch/dns.json')),
    read(join(settings.statuses, 'watch/flows.json')),
  ])
  const fresh = (text: string) => Math.abs(time - (writtenAt(text) ?? 0)) < STALE_MS
  const load = parseLoad(loadText)
  // Its status is written when something changes, its figures all the time.
  const agent = fresh(figuresText) ? agentReading(agentText) : undefined
  const recorded = fresh(recorder) ? recorderReading(recorder) : undefined
  const watchers = Object.entries({ dns, flows }).flatMap(([name, text]) => {
    const watcher = fresh(text) ? watcherReading(text) : undefined
    return watcher ? [[name, watcher] as const] : []
  })
  const wanLatencySecs = await resolverLatency(agent)
  return {
    time,
    monotonicMs,
    ...(load && { load }),
    ...parseStat(stat),
    memory: parseMeminfo(meminfo),
    disks: parseDisks(diskstats),
    interfaces: parseInterfaces(
      netDev,
      settings.devices.map(({ device }) => device),
    ),
    ...(count !== '' && max !== '' && { connections: { count: Number(count), max: Number(max) } }),
    // The agent is of the same release, and wrote all of it at one stroke.
    ...(fresh(figuresText) && { figures: JSON.parse(figuresText) as Figures }),
    ...(agent && { agent }),
    ...(recorded && { recorder: recorded }),
    watchers: Object.fromEntries(watchers),
    ...(wanLatencySecs !== undefined && { wanLatencySecs }),
  }
}

/** Asks the provider's first resolver for the root's name servers, which tells nobody anything. */
async function resolverLatency(agent: AgentReading | undefined): Promise<number | undefined> {
  const [resolver] = agent?.resolvers ?? []
  if (resolver === undefined) return undefined
  const began = performance.now()
  const answers = await resolverAnswers(resolver, LATENCY_TIMEOUT_MS).catch(() => false)
  return answers ? (performance.now() - began) / 1000 : undefined
}

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
