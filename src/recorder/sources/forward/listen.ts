import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { type Counts, zeroCounts } from '../../counters.ts'
import { describe, log } from '../../log.ts'
import type { Source } from '../source.ts'
import { type ChunkLog, ChunkStore } from './chunk-store.ts'
import { Connection, type Shared } from './connection.ts'
import { type CredentialFiles, readCredentials } from './credentials.ts'
import { MemoryGate } from './memory-gate.ts'

const MAX_CONNECTIONS = 256
const HELD_BYTES = 16 * 1024 * 1024
const KEEPALIVE_MS = 60_000
/** An address that is not there yet comes when its network does. */
const RETRY_MS = 2000
/** When the recorder stops it reads on until senders are quiet for a moment, and no longer than this. */
const DRAIN_MS = 500
const QUIET_MS = 50

export interface ForwardSettings {
  readonly port: number
  /** Addresses to listen on; one that the host does not have is tried again until it has. */
  readonly addresses: readonly string[]
  /** Where the secrets lie: every client has to know them then. */
  readonly credentials?: CredentialFiles
}

interface Listener {
  readonly server: Server
  readonly udp: UdpSocket
}

/**
 * A server of Fluentd's Forward protocol (specification v1.5), with the heartbeats of old clients over UDP on the same
 * port. A chunk is stored as it came, and acknowledged when it is on the disk.
 */
export class ForwardSource implements Source {
  readonly name = 'forward'
  readonly counts: Counts = zeroCounts()
  readonly #settings: ForwardSettings
  readonly #shared: Shared
  readonly #abort = new AbortController()
  readonly #connections = new Map<Socket, Connection>()
  readonly #listeners = new Map<string, Listener>()
  readonly #problems = new Map<string, string>()
  #lastData = Number.NEGATIVE_INFINITY
  #retry: NodeJS.Timeout | undefined

  private constructor(
    settings: ForwardSettings,
    shared: Omit<Shared, 'counts' | 'signal' | 'onData' | 'store'>,
    chunks: ChunkLog,
  ) {
    this.#settings = settings
    this.#shared = {
      ...shared,
      store: new ChunkStore(chunks, this.counts),
      counts: this.counts,
      signal: this.#abort.signal,
      onData: () => {
        this.#lastData = performance.now()
      },
    }
  }

  /** Listens. When the secrets cannot be read nobody is served, and the state says why. */
  static async start(settings: ForwardSettings, chunks: ChunkLog): Promise<ForwardSource> {
    const gate = new MemoryGate(HELD_BYTES)
    try {
      const credentials = settings.credentials && (await readCredentials(settings.credentials))
      const source = new ForwardSource(settings, { gate, credentials }, chunks)
      await source.#listen()
      return source
    } catch (error) {
      log('forward', `forward: ${describe(error)}`)
      const source = new ForwardSource(settings, { gate, credentials: undefined }, chunks)
      source.#problems.set('credentials', describe(error))
      return source
    }
  }

  state(): string {
    return [...this.#problems.values()].join('; ') || (this.#abort.signal.aborted ? 'stopped' : 'up')
  }

  details(): Readonly<Record<string, number>> {
    const { duplicates, inFlight } = this.#shared.store
    const absentAddresses = this.#settings.addresses.length - this.#listeners.size
    return { connections: this.#connections.size, duplicates, inFlight, absentAddresses }
  }

  async stop(): Promise<void> {
    clearTimeout(this.#retry)
    const closed = [...this.#listeners.values()].map(({ server, udp }) => {
      udp.close()
      server.close()
      return once(server, 'close')
    })
    const deadline = performance.now() + DRAIN_MS
    const busy = (): boolean =>
      this.#shared.store.inFlight > 0 || performance.now() - this.#lastData <= QUIET_MS
    while (this.#connections.size > 0 && busy() && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    this.#abort.abort()
    for (const connection of this.#connections.values()) connection.end()
    const timer = setTimeout(() => {
      for (const connection of this.#connections.values()) connection.giveUp()
    }, DRAIN_MS)
    await Promise.all(closed)
    clearTimeout(timer)
  }

  /** Listens where it does not yet, and comes back for what did not work. */
  async #listen(): Promise<void> {
    const { addresses, port } = this.#settings
    for (const address of addresses) {
      if (this.#listeners.has(address)) continue
      try {
        this.#listeners.set(address, await this.#open(address, port))
        this.#problems.delete(address)
      } catch (error) {
        const problem = `cannot listen on ${address}: ${describe(error)}`
        log(`forward ${address}`, `forward: ${problem}`)
        // A network without a cable has no address, and nobody who could miss us.
        if (isAbsent(error)) this.#problems.delete(address)
        else this.#problems.set(address, problem)
      }
    }
    if (this.#listeners.size < addresses.length && !this.#abort.signal.aborted)
      this.#retry = setTimeout(() => void this.#listen(), RETRY_MS).unref()
  }

  async #open(address: string, port: number): Promise<Listener> {
    const isV6 = address.includes(':')
    const server = createServer(
      { allowHalfOpen: true, keepAlive: true, keepAliveInitialDelay: KEEPALIVE_MS },
      (socket) => void this.#serve(socket),
    )
    server.maxConnections = MAX_CONNECTIONS
    // With ipv6Only an IPv4 socket is refused (EINVAL).
    const udp = createSocket({ type: isV6 ? 'udp6' : 'udp4', ipv6Only: isV6 })
    try {
      server.listen({ port, host: address, ipv6Only: isV6 })
      await once(server, 'listening')
      // Clients before protocol v1 ask over UDP whether we are there; one byte comes back.
      udp.on('message', (_, { port: from, address: to }) => udp.send('\0', from, to, () => undefined))
      udp.bind(port, address)
      await once(udp, 'listening')
    } catch (error) {
      server.close()
      udp.close()
      throw error
    }
    for (const emitter of [server, udp])
      emitter.on('error', (error: Error) => log('forward', `forward: ${address}: ${describe(error)}`))
    return { server, udp }
  }

  async #serve(socket: Socket): Promise<void> {
    const connection = new Connection(socket, this.#shared)
    this.#connections.set(socket, connection)
    await connection.serve()
    this.#connections.delete(socket)
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRNOTAVAIL'
}
