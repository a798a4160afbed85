import { connect } from 'node:net'

export interface SocketRequest {
  /** Absolute path of a UNIX stream socket. */
  readonly path: string
  readonly payload: string
  /** For the whole exchange, connecting included. */
  readonly timeoutMs: number
  /** Replies longer than this are an error, not memory. */
  readonly maxBytes: number
  /** Called with each chunk instead of keeping it; the promise then resolves to ''. */
  readonly onChunk?: (chunk: Buffer) => void
}

/**
 * Sends a request to a UNIX socket and resolves to everything the server says until it closes the connection.
 * Rejects, with one line that names the socket, when it cannot connect, is too slow or says too much.
 */
export function socketRequest(request: SocketRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const socket = connect({ path: request.path })
    const timer = setTimeout(() => fail(`no answer within ${request.timeoutMs} ms`), request.timeoutMs)

    function fail(why: string): void {
      clearTimeout(timer)
      socket.destroy()
      reject(new Error(`${request.path}: ${why}`))
    }

    socket.on('error', (error) => fail(errorCode(error)))
    socket.on('connect', () => socket.write(request.payload))
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > request.maxBytes) return fail(`the reply is longer than ${request.maxBytes} bytes`)
      if (request.onChunk === undefined) chunks.push(chunk)
      else {
        try {
          request.onChunk(chunk)
        } catch (error) {
          fail(String(error))
        }
      }
    })
    // Both servers close after one reply; 'close' also covers an abrupt end.
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(chunks).toString('utf8'))
    })
  })
}

function errorCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
