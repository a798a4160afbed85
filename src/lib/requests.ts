import { chmodSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'

const MAX_WAITING = 32

/** Asks at a path; resolves when it was served, or after the time: true, or false when nobody is there. */
export function request(path: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.setTimeout(timeoutMs, () => socket.destroy())
    // 'close' follows, and says so.
    socket.on('error', () => undefined)
    socket.on('close', (hadError) => resolve(!hadError))
    socket.resume()
  })
}

/** A UNIX socket of root's. Who connects waits until `serve` has resolved: the connection is closed then. */
export class Requests {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** Listens at a path, in place of one that ended without removing it; throws when it cannot. */
  static async start(path: string, serve: () => Promise<void>): Promise<Requests> {
    rmSync(path, { force: true })
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      // Nothing is read: to connect is all that can be said.
      socket.resume()
      serve().then(
        () => socket.end(),
        () => socket.destroy(),
      )
    })
    server.maxConnections = MAX_WAITING
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    chmodSync(path, 0o600)
    return new Requests(server)
  }

  stop(): void {
    this.#server.close()
  }
}
