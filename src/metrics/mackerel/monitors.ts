/** A monitor as Mackerel takes it (mackerel.io/api-docs/entry/monitors#create). */
export type Monitor =
  | {
      readonly type: 'connectivity'
      readonly name: string
      readonly memo: string
      readonly scopes?: readonly string[]
    }
  | {
      readonly type: 'host'
      readonly name: string
      readonly memo: string
      readonly metric: 'cpu%' | 'memory%' | 'disk%'
      readonly operator: '>'
      readonly warning: number
      readonly critical: number
      readonly duration: number
      readonly maxCheckAttempts: number
      readonly scopes?: readonly string[]
    }

/** What an organization has already, as far as it matters. */
export interface ExistingMonitor {
  readonly type: string
  readonly name?: string
  readonly scopes: readonly string[]
}

/** The free plan allows 10 monitors in an organization; beyond that nothing is made. */
export const MAX_MONITORS = 10

const MEMO = 'Made by Sekisho (modules.mackerel.monitors). It is yours: change or delete it as you like.'

/** The article's: connectivity, and too much of processor, disk and memory; of these roles, or of every host. */
export function wantedMonitors(roles: readonly string[]): Monitor[] {
  const scope = roles.length > 0 ? { scopes: roles } : {}
  const usage = (metric: 'cpu%' | 'memory%' | 'disk%', name: string, warning: number, critical: number) => ({
    type: 'host' as const,
    name: `Sekisho: ${name}`,
    memo: MEMO,
    metric,
    operator: '>' as const,
    warning,
    critical,
    duration: 5,
    maxCheckAttempts: 3,
    ...scope,
  })
  return [
    { type: 'connectivity', name: 'Sekisho: connectivity', memo: MEMO, ...scope },
    usage('cpu%', 'CPU', 80, 95),
    usage('disk%', 'disk', 80, 90),
    usage('memory%', 'memory', 80, 95),
  ]
}

/**
 * Those of the wanted monitors that are not there yet, by name, as many as there is room for; a connectivity monitor for
 * every host, which each organization begins with, is as good as ours.
 */
export function missingMonitors(
  wanted: readonly Monitor[],
  existing: readonly ExistingMonitor[],
): { readonly make: Monitor[]; readonly noRoom: Monitor[] } {
  const missing = wanted.filter(
    ({ type, name }) =>
      !existing.some(
        (one) =>
          one.name === name ||
          (type === 'connectivity' && one.type === 'connectivity' && one.scopes.length === 0),
      ),
  )
  const room = Math.max(0, MAX_MONITORS - existing.length)
  return { make: missing.slice(0, room), noRoom: missing.slice(room) }
}
