import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, isIPv4 } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/*
 * Connections for tests, run within a network namespace: `talk.ts serve` echoes TCP and UDP, the others speak to it and
 * print what became of it as JSON.
 */

const PORT = 7000

const [what, ...words] = process.argv.slice(2)
const [address = ''] = words
const [first = 0, second = 0] = words.slice(1).map(Number)
if (what === 'serve') await serve()
else console.log(JSON.stringify(await talk()))

async function talk(): Promise<unknown> {
  switch (what) {
    case 'tcp':
      return tcp(first, second)
    case 'udp':
      return udp(first, second)
    case 'stream':
      return stream(first)
    case 'connect':
      return connects(first)
    case 'flood':
      return flood(first, second)
    default:
      throw new Error(`usage: talk.ts serve|tcp|udp|stream|connect|flood, not ${what}`)
  }
}

async function serve(): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  server.listen(PORT, '::')
  await once(server, 'listening')
  const socket = createSocket('udp6')
  socket.on('message', (bytes, { address: from, port }) => socket.send(bytes, port, from))
  socket.bind(PORT, '::')
  await once(socket, 'listening')
  console.log('ready')
}

/** So many connections, one after the other, each with so many bytes there and back. */
async function tcp(count: number, bytes: number): Promise<number[]> {
  const ports: number[] = []
  for (let i = 0; i < count; i++) {
    const socket = connect(PORT, address)
    await once(socket, 'connect')
    ports.push(socket.localPort ?? 0)
    let back = 0
    socket.on('data', (piece: Buffer) => (back += piece.length))
    socket.end(Buffer.alloc(bytes))
    await once(socket, 'close')
    if (back !== bytes) throw new Error(`${back} of ${bytes} bytes came back`)
  }
  return ports
}

/** So many datagrams, each from a port of its own, and their echoes. */
async function udp(count: number, bytes: number): Promise<number[]> {
  const ports: number[] = []
  for (let i = 0; i < count; i++) {
    const socket = createSocket(isIPv4(address) ? 'udp4' : 'udp6')
    socket.send(Buffer.alloc(bytes), PORT, address)
    await once(socket, 'message')
    ports.push(socket.address().port)
    socket.close()
  }
  return ports
}

/** One flow of datagrams for so many seconds. */
async function stream(secs: number): Promise<number> {
  const socket = createSocket(isIPv4(address) ? 'udp4' : 'udp6')
  socket.on('message', () => undefined)
  for (const end = Date.now() + secs * 1000; Date.now() < end; ) {
    socket.send(Buffer.alloc(100), PORT, address)
    await sleep(20)
  }
  const { port } = socket.address()
  socket.close()
  return port
}

/** A connection each few milliseconds for so many seconds. */
async function connects(secs: number): Promise<{ made: number; failed: number }> {
  const result = { made: 0, failed: 0 }
  for (const end = Date.now() + secs * 1000; Date.now() < end; ) {
    const socket = connect(PORT, address)
    const outcome = await new Promise<'made' | 'failed'>((resolve) => {
      socket.once('connect', () => resolve('made'))
      socket.once('error', () => resolve('failed'))
      // A SYN that was dropped is sent again after a second.
      socket.setTimeout(900, () => resolve('failed'))
    })
    result[outcome] += 1
    socket.destroy()
    await sleep(20)
  }
  return result
}

/** So many datagrams a second for so many seconds, each to another port: a flow each, without an answer. */
async function flood(perSecond: number, secs: number): Promise<number> {
  const socket = createSocket('udp4')
  let sent = 0
  for (const start = Date.now(); Date.now() - start < secs * 1000; await sleep(5)) {
    const due = ((Date.now() - start) / 1000) * perSecond
    for (; sent < due; sent++) socket.send('x', 10_000 + (sent % 50_000), address)
  }
  socket.close()
  return sent
}
