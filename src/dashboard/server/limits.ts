import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Of all, and of one address: a page has six, and one more for what is live. */
const MAX_CONNECTIONS = 256
const MAX_OF_ONE = 64
/** A request's head and body have to be there within this. */
const REQUEST_MS = 15_000
/** How often that is looked at, for the server's options. */
export const CHECK_MS = 5000
/** Nothing moved on the connection. What is live has a heartbeat each 15 s. */
const IDLE_MS = 60_000
const KEEP_ALIVE_MS = 20_000

/** Gives a server its limits: nobody holds it by being slow, or by being many. */
export function limited<S extends Server>(server: S): S {
  server.maxConnections = MAX_CONNECTIONS
  server.headersTimeout = REQUEST_MS
  server.requestTimeout = REQUEST_MS
  server.keepAliveTimeout = KEEP_ALIVE_MS
  server.maxRequestsPerSocket = 10_000
  server.maxHeadersCount = 100
  server.setTimeout(IDLE_MS)
  const of = new Map<string, number>()
  // Of a TLS server this is before the handshake, which costs most.
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? ''
    const count = of.get(address) ?? 0
    if (count >= MAX_OF_ONE) return void socket.destroy()
    of.set(address, count + 1)
    socket.once('close', () => {
      const rest = (of.get(address) ?? 1) - 1
      if (rest > 0) of.set(address, rest)
      else of.delete(address)
    })
  })
  server.on('clientError', (_, socket) => socket.destroy())
  return server
}
