import type { MackerelApi, Outcome } from './api.ts'
import { graphDefs } from './graph-defs.ts'
import { type ExistingMonitor, missingMonitors, wantedMonitors } from './monitors.ts'
import type { MackerelSettings } from './settings.ts'

/** Tells Mackerel how to draw our metrics. */
export function announceGraphs(api: MackerelApi, settings: MackerelSettings): Promise<Outcome> {
  return api.request('POST', '/api/v0/graph-defs/create', graphDefs(settings.networks))
}

/** Makes the monitors that are not there; those that are, whatever became of them, stay as they are. */
export async function makeMonitors(api: MackerelApi, { roles }: MackerelSettings): Promise<Outcome> {
  const listed = await api.request('GET', '/api/v0/monitors')
  if (listed.kind !== 'done') return listed
  const { make, noRoom } = missingMonitors(wantedMonitors(roles), existing(listed.body))
  for (const monitor of make) {
    const outcome = await api.request('POST', '/api/v0/monitors', monitor)
    if (outcome.kind !== 'done') return outcome
  }
  if (noRoom.length === 0) return { kind: 'done', body: {} }
  const names = noRoom.map(({ name }) => name).join(', ')
  return { kind: 'refused', status: 0, reason: `there are 10 monitors already, so not made: ${names}` }
}

function existing(body: unknown): ExistingMonitor[] {
  const { monitors } = (body ?? {}) as { monitors?: unknown }
  if (!Array.isArray(monitors)) return []
  return monitors.map((one: unknown) => {
    const { type, name, scopes } = (one ?? {}) as Record<string, unknown>
    return {
      type: String(type),
      ...(typeof name === 'string' && { name }),
      scopes: Array.isArray(scopes) ? scopes.map(String) : [],
    }
  })
}
