import { createServer, type Server } from 'node:http'
import { log } from '../../recorder/log.ts'
import { CONTENT_TYPE } from './expose.ts'

/** Scrapers are few; more connections at a time are not. */
const MAX_CONNECTIONS = 32
const TIMEOUT_MS = 10_000
/** A page that is younger is shown again: to scrape often costs nothing more. */
const FRESH_MS = 5000
const RETRY_MS = 5000

/** Serves GET /metrics at each of the addresses, which may appear later; `page` makes the text. */
export function serve(
  addresses: readonly string[],
  port: number,
  page: () => Promise<string>,
): { stop(): void } {
  const text = remembered(page)
  const servers = addresses.map((address) => listen(address, port, text))
  return {
    stop() {
      for (const server of servers) server.stop()
    },
  }
}

function listen(address: string, port: number, text: () => Promise<string>): { stop(): void } {
  const server = metricsServer(text)
  let timer: NodeJS.Timeout | undefined
  const attempt = (): void => void server.listen({ host: address, port })
  server.on('error', (error) => {
    log(`listen ${address}`, `cannot listen at ${address}: ${error.message}; trying again`)
    timer = setTimeout(attempt, RETRY_MS)
  })
  attempt()
  return {
    stop() {
      clearTimeout(timer)
      server.close()
      server.closeAllConnections()
    },
  }
}

function metricsServer(text: () => Promise<string>): Server {
  const server = createServer(
    { requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS },
    (request, response) => {
      // Nothing is read of a body.
      request.resume()
      const [path] = (request.url ?? '').split('?')
      if (path !== '/metrics') return void response.writeHead(404).end('see /metrics\n')
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return void response.writeHead(405, { allow: 'GET, HEAD' }).end()
      text().then(
        (body) => {
          response.writeHead(200, {
            'content-type': CONTENT_TYPE,
            'content-length': Buffer.byteLength(body),
            'x-content-type-options': 'nosniff',
          })
          response.end(request.method === 'HEAD' ? undefined : body)
        },
        (error: unknown) => {
          log('page', `cannot make the page: ${String(error)}`)
          response.writeHead(500).end()
        },
      )
    },
  )
  server.maxConnections = MAX_CONNECTIONS
  server.setTimeout(TIMEOUT_MS)
  server.on('clientError', (_, socket) => socket.destroy())
  return server
}

/** One making of the page at a time, and none while the last one is fresh. */
function remembered(page: () => Promise<string>): () => Promise<string> {
  let last: Promise<string> | undefined
  let at = Number.NEGATIVE_INFINITY
  return () => {
    if (last === undefined || performance.now() - at >= FRESH_MS) {
      at = performance.now()
      const made = page()
      last = made
      made.catch(() => {
        if (last === made) last = undefined
      })
    }
    return last
  }
}
