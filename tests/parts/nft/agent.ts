import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { parsePacket, type Seen } from '../../../src/prove/packet.ts'
import { bind, close, poll, recvfrom, sendto, socket } from '../../../src/recorder/netlink/libc.ts'

/*
 * A host of the test bed: runs in a network namespace of its own, does what the lines on its standard input say
 * and remembers every packet that came in. It ends with its input, and its namespace with it.
 */

const AF_NETLINK = 16
const AF_PACKET = 17
const SOCK_DGRAM = 2
const SOCK_RAW = 3
const ETH_P_ALL = 0x0003
const PACKET_OUTGOING = 4
const NETLINK_NETFILTER = 12
const MSG_DONTWAIT = 0x40

export type Request =
  | { readonly op: 'run'; readonly argv: readonly string[]; readonly stdin?: string }
  | { readonly op: 'sysctl'; readonly settings: Readonly<Record<string, string>> }
  | { readonly op: 'listen'; readonly protocol: 'tcp' | 'udp'; readonly port: number }
  | {
      readonly op: 'connect'
      readonly host: string
      readonly port: number
      readonly from?: string
      readonly ms: number
    }
  | { readonly op: 'send'; readonly host: string; readonly port: number; readonly text: string }
  | { readonly op: 'frame'; readonly device: string; readonly mac: string; readonly packet: string }
  | { readonly op: 'seen' | 'heard' | 'nflog' }
  | { readonly op: 'record'; readonly group: number }

export type Connected =
  | { readonly result: 'open'; readonly text: string }
  | { readonly result: 'refused' | 'timeout' | 'unreachable' }

const seen: Seen[] = []
const heard: { readonly from: string; readonly port: number; readonly text: string }[] = []
const nflog: string[] = []

async function handle(request: Request): Promise<unknown> {
  switch (request.op) {
    case 'run':
      return run(request.argv, request.stdin)
    case 'sysctl':
      for (const [key, value] of Object.entries(request.settings))
        writeFileSync(`/proc/sys/${key.replaceAll('.', '/')}`, value)
      return null
    case 'listen':
      return request.protocol === 'tcp' ? listenTcp(request.port) : listenUdp(request.port)
    case 'connect':
      return dial(request.host, request.port, request.from, request.ms)
    case 'send':
      return send(request.host, request.port, request.text)
    case 'frame':
      return frame(request.device, request.mac, Buffer.from(request.packet, 'base64'))
    case 'seen':
      return seen
    case 'heard':
      return heard
    case 'record':
      return record(request.group)
    case 'nflog':
      return nflog
  }
}

function run(argv: readonly string[], stdin = ''): Promise<{ code: number; stdout: string; stderr: string }> {
  const [command = '', ...args] = argv
  return new Promise((resolve) => {
    const child = execFile(command, args, { timeout: 20_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, stdout, stderr })
    })
    // A program that reads no input may be gone already.
    child.stdin?.on('error', () => {})
    child.stdin?.end(stdin)
  })
}

function listenTcp(port: number): Promise<null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.end(`${socket.remoteAddress}`)
    })
    server.on('error', reject)
    server.listen(port, '::', () => resolve(null))
  })
}

async function listenUdp(port: number): Promise<null> {
  for (const type of ['udp4', 'udp6'] as const) {
    const listener = createSocket({ type, ipv6Only: type === 'udp6' })
    listener.on('message', (data, { address }) => {
      heard.push({ from: address, port, text: data.toString('latin1') })
    })
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject)
      listener.bind(port, resolve)
    })
  }
  return null
}

function dial(host: string, port: number, from: string | undefined, ms: number): Promise<Connected> {
  return new Promise((resolve) => {
    const client = connect({ host, port, ...(from !== undefined && { localAddress: from }) })
    let text = ''
    const end = (value: Connected) => {
      clearTimeout(timer)
      client.destroy()
      resolve(value)
    }
    const timer = setTimeout(() => end({ result: 'timeout' }), ms)
    client.on('data', (data) => {
      text += data.toString()
    })
    client.on('end', () => end({ result: 'open', text: text.replace(/^::ffff:/, '') }))
    client.on('error', (error: NodeJS.ErrnoException) =>
      end({
        result:
          error.code === 'ECONNREFUSED' ? 'refused' : error.code === 'ETIMEDOUT' ? 'timeout' : 'unreachable',
      }),
    )
  })
}

function send(host: string, port: number, text: string): Promise<null> {
  const client = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  return new Promise((resolve) => {
    client.bind(0, () => {
      if (!host.includes(':')) client.setBroadcast(true)
      client.send(text, port, host, () => {
        client.close()
        resolve(null)
      })
    })
  })
}

/** Puts an IP packet on a link as it is, to this Ethernet address. */
function frame(device: string, mac: string, data: Buffer): null {
  const fd = socket(AF_PACKET, SOCK_DGRAM, 0)
  const to = Buffer.alloc(20)
  to.writeUInt16LE(AF_PACKET, 0)
  to.writeUInt16BE((data[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800, 2)
  to.writeInt32LE(interfaceIndex(device), 4)
  to.writeUInt8(6, 11)
  Buffer.from(mac.replaceAll(':', ''), 'hex').copy(to, 12)
  if (fd < 0 || sendto(fd, data, data.length, 0, to, to.length) !== data.length)
    throw new Error(`cannot send on ${device}`)
  close(fd)
  return null
}

/** Not from /sys, which shows the network namespace that it was mounted in. Needs an IPv6 address on the device. */
function interfaceIndex(device: string): number {
  for (const line of readFileSync('/proc/self/net/if_inet6', 'utf8').split('\n')) {
    const [, index = '', , , , name] = line.split(/\s+/)
    if (name === device) return Number.parseInt(index, 16)
  }
  throw new Error(`no device ${device}`)
}

async function drain(fd: number, take: (data: Buffer, address: Buffer) => void): Promise<void> {
  const POLLIN = 1
  const fds = Buffer.alloc(8)
  fds.writeInt32LE(fd, 0)
  fds.writeInt16LE(POLLIN, 4)
  const data = Buffer.alloc(65_536)
  const address = Buffer.alloc(32)
  const length = Buffer.alloc(4)
  for (;;) {
    await poll(fds, 1, 1000)
    for (;;) {
      length.writeUInt32LE(address.length, 0)
      const bytes = recvfrom(fd, data, data.length, MSG_DONTWAIT, address, length)
      if (bytes < 0) break
      take(data.subarray(0, bytes), address)
    }
  }
}

function capture(): void {
  const fd = socket(AF_PACKET, SOCK_DGRAM, ((ETH_P_ALL & 0xff) << 8) | (ETH_P_ALL >> 8))
  if (fd < 0) throw new Error('no packet socket')
  void drain(fd, (data, address) => {
    if (address[10] === PACKET_OUTGOING) return
    const parsed = parsePacket(data)
    if (parsed) seen.push(parsed)
    if (seen.length > 2000) seen.splice(0, 1000)
  })
}

/** Reads an NFLOG group (linux/netfilter/nfnetlink_log.h) and keeps each record's prefix and payload as text. */
function record(group: number): null {
  const fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)
  const local = Buffer.alloc(12)
  local.writeUInt16LE(AF_NETLINK, 0)
  if (fd < 0 || bind(fd, local, local.length) < 0) throw new Error('no netlink socket')
  const attribute = (type: number, value: Buffer) => {
    const head = Buffer.alloc(4)
    head.writeUInt16LE(4 + value.length, 0)
    head.writeUInt16LE(type, 2)
    return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)])
  }
  const configure = (attributes: readonly Buffer[]) => {
    const body = Buffer.concat([Buffer.from([0, 0, group >> 8, group & 255]), ...attributes])
    const head = Buffer.alloc(16)
    head.writeUInt32LE(16 + body.length, 0)
    head.writeUInt16LE((4 << 8) | 1, 4)
    head.writeUInt16LE(1, 6)
    const message = Buffer.concat([head, body])
    const kernel = Buffer.alloc(12)
    kernel.writeUInt16LE(AF_NETLINK, 0)
    if (sendto(fd, message, message.length, 0, kernel, kernel.length) < 0) throw new Error('nflog refused')
  }
  configure([attribute(1, Buffer.from([1]))])
  configure([attribute(2, Buffer.from([0, 0, 0, 255, 2, 0])), attribute(5, Buffer.from([0, 0, 0, 1]))])
  void drain(fd, (data) => {
    const text = data.toString('latin1')
    if (text.includes('sekisho:')) nflog.push(text)
  })
  return null
}

capture()
createInterface(process.stdin)
  .on('line', (line) => {
    const { id, ...request }: { id: number } & Request = JSON.parse(line)
    void Promise.resolve()
      .then(() => handle(request))
      .then(
        (value) => ({ id, value }),
        (error: unknown) => ({ id, error: String(error) }),
      )
      .then((answer) => process.stdout.write(`${JSON.stringify(answer)}\n`))
  })
  .on('close', () => process.exit(0))
process.stdout.write('{"id":0}\n')
