import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { socketRequest } from './socket-request.ts'

let dir: string
const closers: (() => void)[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sekisho-socket-'))
})
afterEach(async () => {
  for (const close of closers.splice(0)) close()
  await rm(dir, { recursive: true, force: true })
})

async function server(onConnection: (socket: Socket) => void): Promise<string> {
  const path = join(dir, 'control.sock')
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => socket.destroy())
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  closers.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return path
}

const limits = { payload: 'hello\n', timeoutMs: 300, maxBytes: 1000 }

describe('socketRequest', () => {
  test('resolves to the whole reply, however it is cut', async () => {
    const path = await server((socket) => {
      socket.on('data', (data) => {
        socket.write('caf\xc3', 'latin1')
        setTimeout(() => socket.end(Buffer.concat([Buffer.from([0xa9]), data])), 20)
      })
    })
    expect(await socketRequest({ path, ...limits })).toBe('caféhello\n')
  })

  test('no socket, a silent server and a talkative one are errors that name it', async () => {
    const none = join(dir, 'none.sock')
    await expect(socketRequest({ path: none, ...limits })).rejects.toThrow(`${none}: ENOENT`)
    const silent = await server(() => undefined)
    await expect(socketRequest({ path: silent, ...limits })).rejects.toThrow('no answer within 300 ms')
    for (const close of closers.splice(0)) close()
    const endless = await server((socket) => {
      const timer = setInterval(() => socket.write('x'.repeat(400)), 5)
      socket.on('close', () => clearInterval(timer))
    })
    await expect(socketRequest({ path: endless, ...limits })).rejects.toThrow('longer than 1000 bytes')
  })

  test('a slow trickle does not stretch the time', async () => {
    const path = await server((socket) => {
      const timer = setInterval(() => socket.write('.'), 50)
      socket.on('close', () => clearInterval(timer))
    })
    const start = performance.now()
    await expect(socketRequest({ path, ...limits })).rejects.toThrow('no answer')
    expect(performance.now() - start).toBeLessThan(1500)
  })

  test('a reader that throws ends the exchange', async () => {
    const path = await server((socket) => socket.write('boo'))
    const onChunk = () => {
      throw new Error('nonsense')
    }
    await expect(socketRequest({ path, ...limits, onChunk })).rejects.toThrow('nonsense')
  })
})
