import { createServer, type Server } from 'node:http'
import type { DashboardSettings } from '../settings.ts'
import { knownHosts } from './known-hosts.ts'
import { CHECK_MS, limited } from './limits.ts'

/**
 * The server of plain HTTP: it leads to the same address over HTTPS (308 keeps the method, RFC 9110 section 15.4.9) and
 * says nothing else. Only to a host that is ours: it is no way to send somebody elsewhere. A name without its domain,
 * which no certificate of ours has (authority.ts of the agent says why), is led to the whole one.
 */
export function redirectServer({ names, addresses, port }: DashboardSettings): Server {
  const hostOf = knownHosts(names, addresses)
  const [whole = ''] = names
  return limited(
    createServer({ connectionsCheckingInterval: CHECK_MS }, (request, response) => {
      request.resume()
      const hostname = hostOf(request.headers.host)?.hostname
      const target = request.url ?? ''
      if (hostname === undefined || !/^\/[\x21-\x7e]*$/.test(target)) {
        response.writeHead(hostname === undefined ? 421 : 400, {
          'cache-control': 'no-store',
          connection: 'close',
        })
        response.end()
        return
      }
      const host = names.includes(hostname) ? whole : hostname
      const location = `https://${host}${port === 443 ? '' : `:${port}`}${target}`
      response.writeHead(308, { location, 'cache-control': 'no-store', connection: 'close' }).end()
    }),
  )
}
