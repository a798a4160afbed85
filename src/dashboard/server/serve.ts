import { createServer as createTlsServer } from 'node:https'
import type { Server } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { describe, log } from '../../recorder/log.ts'
import type { DashboardSettings } from '../settings.ts'
import { type Certificate, readCertificate } from './certificate.ts'
import { CHECK_MS, limited } from './limits.ts'
import { redirectServer } from './redirect.ts'

const LOOK_MS = 30_000
/** The host agent makes the first certificate when the module is new; that takes a second or two. */
const FIRST_LOOK_MS = 1000
const HANDSHAKE_MS = 10_000
/** Cookies and a long address; RFC 9110 leaves it to us. */
const MAX_HEADER_BYTES = 8 * 1024

export interface Served {
  readonly port: number
  readonly httpPort: number
  stop(): Promise<void>
}

export interface ServeOptions {
  readonly settings: DashboardSettings
  readonly fetch: Parameters<typeof getRequestListener>[0]
  /** How often it is looked whether the certificate is another one. */
  readonly lookMs?: number
}

/** Listens with HTTPS as soon as there is a certificate, goes on with each new one, and leads there from HTTP. */
export async function serve({ settings, fetch, lookMs = LOOK_MS }: ServeOptions): Promise<Served> {
  const { tlsDirectory, listen: listenAt } = settings
  let shown = await firstCertificate(tlsDirectory)
  // What is no request to answer at all, such as one with an odd URL, is the client's mistake and said as such.
  const answer = getRequestListener(fetch, { errorHandler: refused })
  const server = limited(
    createTlsServer(
      {
        ...shown,
        minVersion: 'TLSv1.2',
        handshakeTimeout: HANDSHAKE_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
        connectionsCheckingInterval: CHECK_MS,
      },
      (request, response) => void answer(request, response),
    ),
  )
  server.on('tlsClientError', (_, socket) => socket.destroy())
  const redirect = redirectServer(settings)
  const port = await listen(server, listenAt.port)
  const httpPort = await listen(redirect, listenAt.httpPort)
  const timer = setInterval(() => {
    void readCertificate(tlsDirectory).then((found) => {
      if (found === undefined || found.cert === shown.cert) return
      // Connections that are open go on with what they have.
      server.setSecureContext({ ...found, minVersion: 'TLSv1.2' })
      shown = found
      log('certificate', 'took up a new certificate')
    })
  }, lookMs)
  return {
    port,
    httpPort,
    async stop() {
      clearInterval(timer)
      const closed = [server, redirect].map((one) => new Promise((resolve) => one.close(resolve)))
      server.closeAllConnections()
      redirect.closeAllConnections()
      await Promise.all(closed)
    },
  }
}

async function firstCertificate(directory: string): Promise<Certificate> {
  for (;;) {
    const found = await readCertificate(directory)
    if (found !== undefined) return found
    log('certificate', `waiting for a certificate in ${directory}`)
    await new Promise((resolve) => setTimeout(resolve, FIRST_LOOK_MS))
  }
}

function refused(error: unknown): Response {
  log('request', `a request that is none: ${describe(error)}`)
  return new Response(null, { status: 400, headers: { 'cache-control': 'no-store' } })
}

/** Resolves to the port that it listens at, over IPv4 and IPv6. */
function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, () => {
      server.off('error', reject)
      server.on('error', (error) => log('listen', describe(error)))
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}
