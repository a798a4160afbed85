import type { Alert, GenerationRow, NowReport } from '../api.ts'
import { type Known, liveOf, withUsage } from './devices.ts'
import type { HostCost, HostStatus } from './host.ts'
import { DAY, type Recent } from './now.ts'
import type { AgentFile, RecorderFile } from './status-files.ts'

/** All that the page of now is made of; what is undefined could not be told. */
export interface Told {
  readonly hostname: string
  readonly nowMs: number
  readonly recent: Recent
  /** Those that are new. */
  readonly names: readonly string[]
  readonly known: Known
  readonly generations: readonly GenerationRow[]
  /** The resolver's own counters. */
  readonly resolver: Readonly<Record<string, number>>
  readonly agent: AgentFile | undefined
  readonly recorder: RecorderFile | undefined
  readonly status: HostStatus | undefined
  readonly cost: HostCost | undefined
}

/** Of devices that are new. */
const MOST_NEW = 20

export function nowReport(told: Told): NowReport {
  const { hostname, nowMs, recent, names, known, generations, resolver, agent } = told
  const devices = liveOf(known)
  const newDevices = devices.filter(({ firstSeenMs }) => firstSeenMs >= nowMs - DAY).slice(0, MOST_NEW)
  const { 'total.num.queries': questions = 0, 'total.num.cachehits': hits = 0 } = resolver
  const wan = agent?.wan
  const sinceMs = Date.parse(wan?.since ?? '')
  return {
    hostname,
    timeMs: nowMs,
    wan: {
      ...(wanOf(agent) ?? { ipv4: 'down', ipv6: 'down' }),
      ...(Number.isFinite(sinceMs) && { sinceMs }),
      addresses: wan?.addresses ?? [],
      gateways: [wan?.gateway4, wan?.gateway6].filter((gateway) => gateway !== undefined),
      ...recent.wan,
    },
    dns: { ...recent.dns, ...(questions > 0 && { cacheHitRatio: hits / questions }) },
    top: recent.top,
    devices: {
      present: devices.filter(({ addresses }) => addresses.length > 0).length,
      known: devices.length,
    },
    alerts: [
      ...wanAlerts(told),
      ...serviceAlerts(told),
      ...lostAlerts(told),
      ...costAlerts(told),
      ...recent.alerts,
      ...newDevices.map(
        ({ firstSeenMs, name, id, network }): Alert => ({
          kind: 'new-device',
          timeMs: firstSeenMs,
          subject: name ?? id,
          detail: network,
        }),
      ),
    ],
    changes: {
      devices: newDevices.map((device) => withUsage(device)),
      generations: generations.filter(({ timeMs }) => timeMs >= nowMs - DAY),
      names,
    },
  }
}

/** Whether each IP version reaches the Internet, as the agent says. */
export function wanOf(
  agent: { readonly wan: { readonly ipv4: string; readonly ipv6: string } } | undefined,
): { readonly ipv4: 'up' | 'down'; readonly ipv6: 'up' | 'down' } | undefined {
  if (!agent) return undefined
  const { ipv4, ipv6 } = agent.wan
  return { ipv4: ipv4 === 'up' ? 'up' : 'down', ipv6: ipv6 === 'up' ? 'up' : 'down' }
}

function wanAlerts({ agent }: Told): Alert[] {
  if (!agent || agent.wan.state === 'up') return []
  const timeMs = Date.parse(agent.wan.since)
  return [{ kind: 'wan-down', detail: agent.wan.state, ...(Number.isFinite(timeMs) && { timeMs }) }]
}

function serviceAlerts({ status }: Told): Alert[] {
  if (!status) return []
  const bad = status.services.filter(({ state }) => state !== 'healthy' && state !== 'starting')
  return [
    ...bad.map(
      ({ module, service, state }): Alert => ({
        kind: 'service-unhealthy',
        subject: module === service ? service : `${module} ${service}`,
        detail: state,
      }),
    ),
    ...(status.generation !== null && !status.confirmed
      ? [{ kind: 'unconfirmed' as const, subject: String(status.generation) }]
      : []),
  ]
}

function lostAlerts({ recorder }: Told): Alert[] {
  const rows = recorder?.log.dropped.rows ?? 0
  return rows > 0 ? [{ kind: 'records-lost', detail: String(rows) }] : []
}

/** A month, now or within a year, that costs more than router.yaml allows. */
function costAlerts({ cost }: Told): Alert[] {
  const { budgetYen, bills = [] } = cost ?? {}
  if (budgetYen === undefined) return []
  const over = bills.find(
    ({ yen, years, label }) => yen > budgetYen && years <= 1 && !label.endsWith('tenfold'),
  )
  return over ? [{ kind: 'over-budget', subject: over.label, detail: String(Math.round(over.yen)) }] : []
}
