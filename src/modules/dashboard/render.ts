import type { Context } from '../../router/module.ts'
import { addressesIn } from '../../router/own-addresses.ts'
import { PATHS } from '../../router/paths.ts'
import { generatedHeader } from '../../router/render/header.ts'
import { REQUEST_SOCKET } from '../../router/render/units.ts'

/** Where the server listens in its container, which needs no right to a low port there. */
export const LISTEN = { port: 8443, httpPort: 8080 } as const

interface Config {
  readonly port: number
  readonly http_port: number
}

/**
 * dashboard.json (src/dashboard/settings.ts reads it): JSON has no comments, so the notice is a key. `open` names the
 * networks that may open it.
 */
export function renderDashboardSettings(ctx: Context<Config>, open: readonly string[]): string {
  const { config, router, provided } = ctx
  const [records] = provided('records')
  const { hostname, domain, timezone, networks } = router
  const settings = {
    notice: generatedHeader('dashboard', '').trim(),
    hostname,
    timezone,
    names: [`${hostname}.${domain}`, hostname],
    addresses: networks.filter(({ name }) => open.includes(name)).flatMap(addressesIn),
    networks: networks.map(({ name, prefix, ula, global }) => ({
      name,
      prefixes: [prefix, ...[ula, global].flatMap((one) => (one ? [one.prefix] : []))],
    })),
    dataDirectory: records?.directory ?? '/none',
    site: records?.site ?? hostname,
    runDirectory: PATHS.run,
    agentSocket: REQUEST_SOCKET,
    tlsDirectory: ctx.dataPath('tls'),
    stateDirectory: ctx.dataPath('state'),
    port: config.port,
    httpPort: config.http_port,
    listen: LISTEN,
  }
  return `${JSON.stringify(settings, null, 2)}\n`
}
