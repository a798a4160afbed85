import type { Context, Mount, Provided } from '../module.ts'
import { PATHS } from '../paths.ts'

/*
 * What modules that show metrics have in common: which status files they see, and which devices are the router's.
 */

const AGENT = '/run/agent'
const STATUSES = '/run/metrics'

/** The part of the settings that src/metrics/settings.ts reads. */
export function metricsSettings({ router, provided }: Pick<Context<unknown>, 'router' | 'provided'>) {
  const { wan, networks } = router
  const ports = [wan.member, ...networks.flatMap(({ members }) => members)].map(({ device }) => device)
  const zones = [
    { device: wan.device, zone: 'wan' },
    ...networks.map(({ name, device }) => ({ device, zone: name })),
  ]
  const rest = ports.filter((device) => !zones.some((zone) => zone.device === device))
  return {
    hostname: router.hostname,
    agent: AGENT,
    statuses: STATUSES,
    services: [
      'agent',
      ...(provided('leases').length > 0 ? ['leases'] : []),
      ...(provided('local-names').length > 0 ? ['resolver'] : []),
      ...provided('metrics').map(({ module }) => module),
    ],
    wan: wan.device,
    devices: [...zones, ...[...new Set(rest)].map((device) => ({ device, zone: '' }))],
    networks: networks.map(({ name, subnetId }) => ({ name, subnetId })),
  }
}

/** The directories of status files, read-only: a file that is replaced is not seen through a mount of its own. */
export function metricsMounts(provided: readonly Provided[]): Mount[] {
  const files = provided.flatMap(({ module, file }) => (file === undefined ? [] : [{ module, file }]))
  return [
    { kind: 'host', source: `${PATHS.run}/agent`, target: AGENT },
    ...files.map(({ module, file }) => ({
      kind: 'host' as const,
      source: file.slice(0, file.lastIndexOf('/')),
      target: `${STATUSES}/${module}`,
    })),
  ]
}
