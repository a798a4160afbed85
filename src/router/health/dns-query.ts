import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'

export interface DnsQuestion {
  /** Without the last dot; "" is the root. */
  readonly name: string
  readonly type: 'A' | 'NS'
}

/** RFC 1035 section 3.2.2. */
const TYPES = { A: 1, NS: 2 } as const
/** RFC 1035 section 4.1.1, RFC 6895 section 2.3. */
const RCODES: Readonly<Record<number, string>> = { 1: 'FORMERR', 2: 'SERVFAIL', 3: 'NXDOMAIN', 5: 'REFUSED' }

/** A query message with the flag "recursion desired" (RFC 1035 section 4.1). */
export function encodeQuery(id: number, { name, type }: DnsQuestion): Buffer {
  const labels = name.split('.').filter((label) => label !== '')
  const header = Buffer.alloc(12)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(0x0100, 2)
  header.writeUInt16BE(1, 4)
  const question = labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  return Buffer.concat([header, ...question, Buffer.from([0, 0, TYPES[type], 0, 1])])
}

/** What is wrong with an answer, in words; undefined when it has records, and 'other' when it is none of ours. */
export function judgeAnswer(id: number, message: Buffer): string | undefined {
  if (message.length < 12 || message.readUInt16BE(0) !== id || ((message[2] ?? 0) & 0x80) === 0)
    return 'other'
  const rcode = (message[3] ?? 0) & 0x0f
  if (rcode !== 0) return `it answers ${RCODES[rcode] ?? `code ${rcode}`}`
  return message.readUInt16BE(6) > 0 ? undefined : 'it answers without a record'
}

/** Asks a resolver over UDP, once; undefined when it answers with records, else what came instead. */
export function queryDns(
  server: string,
  question: DnsQuestion,
  { port = 53, timeoutMs = 1000 }: { readonly port?: number; readonly timeoutMs?: number } = {},
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const id = randomInt(0x1_0000)
    const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4')
    const end = (saw: string | undefined) => {
      clearTimeout(timer)
      socket.close()
      resolve(saw)
    }
    const timer = setTimeout(() => end('no answer'), timeoutMs)
    socket.once('error', (error) => end(error.message))
    socket.on('message', (message) => {
      const saw = judgeAnswer(id, message)
      if (saw !== 'other') end(saw)
    })
    // Connected, a refusal (ICMP port unreachable) is heard at once.
    socket.connect(port, server, () => socket.send(encodeQuery(id, question)))
  })
}
