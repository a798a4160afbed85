import { randomBytes, randomInt } from 'node:crypto'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'

/*
 * Runs a command in a virtual machine of the lab, through one of its serial ports: exec-agent.pl is the other end and
 * says what goes over it. Standard streams, signals and the exit code are those of the command.
 * usage: exec-client.ts FOLDER PORTS -- COMMAND...
 */

const HELLO = 'sekisho-lab-exec'
/** A frame's payload stays small, so that a signal does not wait behind megabytes. */
const MOST = 32_768

const [folder = '', ports = '', , ...argv] = process.argv.slice(2)

/** A port serves one at a time. Who holds the name has it; the kernel lets go of the name when its holder ends. */
async function takePort(): Promise<{ readonly port: number; readonly name: Server }> {
  // Not the one that was let go of a moment ago: the machine may still be busy with its end.
  const first = randomInt(Number(ports))
  for (;;) {
    for (let i = 0; i < Number(ports); i += 1) {
      const port = (first + i) % Number(ports)
      const name = createServer()
      const taken = await new Promise<boolean>((resolve) => {
        name.once('error', () => resolve(false))
        name.listen(`\0${join(folder, `exec${port}`)}`, () => resolve(true))
      })
      if (taken) return { port, name }
    }
    await pause(50)
  }
}

function connect(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(join(folder, `exec${port}`))
    socket.once('connect', () => resolve(socket))
    socket.once('error', reject)
  })
}

function frame(kind: string, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(5)
  head.write(kind, 'latin1')
  head.writeUInt32BE(payload.length, 1)
  return Buffer.concat([head, payload])
}

/** Greets until the machine greets back; before it runs far enough nobody reads the port. */
async function greet(socket: Socket): Promise<Buffer> {
  const hello = Buffer.concat([Buffer.from(HELLO), randomBytes(16)])
  let seen = Buffer.alloc(0)
  return new Promise((resolve, reject) => {
    const again = setInterval(() => socket.write(hello), 1000)
    socket.write(hello)
    function read(bytes: Buffer): void {
      seen = Buffer.concat([seen, bytes])
      const at = seen.indexOf(hello)
      if (at < 0) return
      clearInterval(again)
      socket.off('data', read).off('close', end).pause()
      resolve(seen.subarray(at + hello.length))
    }
    function end(): void {
      clearInterval(again)
      reject(new Error('the machine is off'))
    }
    socket.on('data', read).on('close', end)
  })
}

async function main(): Promise<number> {
  const { port } = await takePort()
  const socket = await connect(port)
  socket.on('error', () => {})
  let seen = await greet(socket)
  socket.write(frame('R', Buffer.from(argv.map((word) => `${word}\0`).join(''))))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => socket.write(frame('S', Buffer.from(signal.slice(3)))))
  }
  process.stdin.on('data', (bytes: Buffer) => {
    for (let at = 0; at < bytes.length; at += MOST) {
      if (socket.write(frame('I', bytes.subarray(at, at + MOST)))) continue
      process.stdin.pause()
      socket.once('drain', () => process.stdin.resume())
    }
  })
  process.stdin.on('end', () => socket.write(frame('E', Buffer.alloc(0))))
  process.stdin.on('error', () => socket.write(frame('E', Buffer.alloc(0))))
  return new Promise((resolve) => {
    function read(bytes: Buffer): void {
      seen = Buffer.concat([seen, bytes])
      for (;;) {
        // It answers every greeting.
        if (seen.subarray(0, HELLO.length).toString('latin1') === HELLO) {
          if (seen.length < HELLO.length + 16) return
          seen = seen.subarray(HELLO.length + 16)
        }
        if (seen.length < HELLO.length && HELLO.startsWith(seen.toString('latin1'))) return
        if (seen.length < 5) return
        const length = seen.readUInt32BE(1)
        if (seen.length < 5 + length) return
        const kind = seen.toString('latin1', 0, 1)
        const payload = seen.subarray(5, 5 + length)
        seen = seen.subarray(5 + length)
        if (kind === 'O') process.stdout.write(payload)
        else if (kind === 'F') process.stderr.write(payload)
        else if (kind === 'X') resolve(Number(payload.toString()))
      }
    }
    // A machine that is switched off takes its commands along.
    socket.on('data', read).on('close', () => resolve(137))
    read(Buffer.alloc(0))
    socket.resume()
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`sekisho: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 137
}
// Both pipes are written before exit ends the process.
await Promise.all(
  [process.stdout, process.stderr].map((out) => new Promise<void>((done) => out.write('', () => done()))),
)
process.exit()
