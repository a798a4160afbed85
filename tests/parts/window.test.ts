import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

/* The way from this machine's loopback into a network of the lab (src/lab/window-forward.ts), with a namespace of its own. */

const FORWARD = join(import.meta.dirname, '../../src/lab/window-forward.ts')
/** Sends back what it gets, and says goodbye when the client has said all. */
const ECHO = `
import { createServer } from 'node:net'
createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => undefined)
  socket.on('data', (data) => socket.write(data))
  socket.on('end', () => socket.end('bye'))
}).listen(7777, '127.0.0.1', () => console.log('ready'))
`

let inside: ChildProcess
let forwarder: ChildProcess
let taken: Server
let port: number

async function firstLine(child: ChildProcess): Promise<string> {
  let said = ''
  for await (const chunk of child.stdout ?? []) {
    said += String(chunk)
    if (said.includes('\n')) return said.trim()
  }
  throw new Error(`it ended without a word: ${said}`)
}

beforeAll(async () => {
  inside = spawn(
    'unshare',
    [
      '--net',
      'sh',
      '-c',
      'ip link set lo up && exec "$@"',
      'inside',
      process.execPath,
      '--input-type=module',
      '-e',
      ECHO,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  expect(await firstLine(inside)).toBe('ready')
  taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const address = taken.address()
  const first = typeof address === 'object' && address ? address.port : 0
  const namespace = `/proc/${inside.pid}/ns/net`
  forwarder = spawn(process.execPath, [FORWARD, namespace, '127.0.0.1', '7777', String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  port = Number(/^listening on (\d+)$/.exec(await firstLine(forwarder))?.[1])
  // The first is somebody else's.
  expect(port).toBeGreaterThan(first)
})
afterAll(() => {
  taken.close()
  forwarder.kill('SIGKILL')
  inside.kill('SIGKILL')
})

async function talk(bytes: Buffer): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1')
  socket.end(bytes)
  let said = ''
  for await (const chunk of socket) said += String(chunk)
  return said
}

test('leads there and back, also after one side has said all', async () => {
  const large = Buffer.alloc(3_000_000, 'x')
  const answers = await Promise.all([talk(Buffer.from('hello')), talk(large), talk(Buffer.from('again'))])
  expect(answers[0]).toBe('hellobye')
  expect(answers[1]).toBe(`${large.toString()}bye`)
  expect(answers[2]).toBe('againbye')
})

test('outlives a client that breaks off, and listens on the loopback alone', async () => {
  const rude = connect(port, '127.0.0.1')
  await once(rude, 'connect')
  rude.write('x')
  rude.resetAndDestroy()
  expect(await talk(Buffer.from('well'))).toBe('wellbye')
  const elsewhere = connect(port, '127.0.0.2')
  expect(await once(elsewhere, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }])
})
