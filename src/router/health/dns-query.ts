import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'

/** What an answer must have: records, or no more than a resolver that got one (NXDOMAIN is one as well). */
export type Expected = 'records' | 'any answer'

/** RFC 1035 section 4.1.1, RFC 6895 section 2.3. */
const RCODES: Readonly<Record<number, string>> = { 1: 'FORMERR', 2: 'SERVFAIL', 3: 'NXDOMAIN', 5: 'REFUSED' }

/** A query for the A records of a name, with the flag "recursion desired" (RFC 1035 section 4.1). */
export function encodeQuery(id: number, name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '')
  const header = Buffer.alloc(12)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(0x0100, 2)
  header.writeUInt16BE(1, 4)
  const question = labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  return Buffer.concat([header, ...question, Buffer.from([0, 0, 1, 0, 1])])
}

/** What is wrong with an answer, in words; undefined when nothing is, and 'other' when it is none of ours. */
export function judgeAnswer(id: number, message: Buffer, expected: Expected): string | undefined {
  if (message.length < 12 || message.readUInt16BE(0) !== id || ((message[2] ?? 0) & 0x80) === 0)
    return 'other'
  const rcode = (message[3] ?? 0) & 0x0f
  if (expected === 'any answer' && (rcode === 0 || rcode === 3)) return undefined
  if (rcode !== 0) return `it answers ${RCODES[rcode] ?? `code ${rcode}`}`
  return message.readUInt16BE(6) > 0 ? undefined : 'it answers without a record'
}

interface QueryOptions {
  readonly expected?: Expected
  readonly port?: number
  readonly timeoutMs?: number
}

/** Asks a resolver over UDP, once; undefined when it answers as expected, else what came instead. */
export function queryDns(
  server: string,
  name: string,
  { expected = 'records', port = 53, timeoutMs = 1000 }: QueryOptions = {},
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const id = randomInt(0x1_0000)
    const socket = createSocket(isIPv6(server) ? 'udp6' : 'udp4')
    let open = true
    const end = (saw: string | undefined) => {
      if (!open) return
      open = false
      clearTimeout(timer)
      socket.close()
      resolve(saw)
    }
    const timer = setTimeout(() => end('no answer'), timeoutMs)
    socket.on('error', (error) => end(error.message))
    socket.on('message', (message) => {
      const saw = judgeAnswer(id, message, expected)
      if (saw !== 'other') end(saw)
    })
    // Connected, a refusal (ICMP port unreachable) is heard at once. On a busy machine the time may be over by then.
    socket.connect(port, server, () => {
      if (open) socket.send(encodeQuery(id, name))
    })
  })
}
