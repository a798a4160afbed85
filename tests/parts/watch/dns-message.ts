/* DNS messages of RFC 1035 section 4, no more than these tests need. */

/** A question for an A record. */
export function query(id: number, name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)]))
  const head = Buffer.from([id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, 1, 0, 1])])
}

/** Its response, with so many addresses 192.0.2.n. */
export function response(asked: Buffer, addresses = 1): Buffer {
  const message = Buffer.from(asked)
  message.writeUInt16BE(0x8180, 2)
  message.writeUInt16BE(addresses, 6)
  const answers = Array.from({ length: addresses }, (_, i) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4, 192, 0, 2, i + 1]),
  )
  return Buffer.concat([message, ...answers])
}

/** The text of a program that answers on port 53 of every address, over UDP and TCP, and says "ready". */
export const SERVER = `
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
const answer = (asked) => {
  const message = Buffer.from(asked)
  message.writeUInt16BE(0x8180, 2)
  message.writeUInt16BE(1, 6)
  return Buffer.concat([message, Buffer.from('c00c000100010000012c0004c0000201', 'hex')])
}
const udp = createSocket('udp6')
udp.on('message', (asked, { port, address }) => udp.send(answer(asked), port, address))
udp.bind(53, '::', () => {
  createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (bytes) => {
      const message = answer(bytes.subarray(2))
      socket.end(Buffer.concat([Buffer.of(message.length >> 8, message.length & 255), message]))
    })
  }).listen(53, '::', () => console.log('ready'))
})`

/** The text of a program that sends the message of its third argument to an address and waits for the response. */
export const CLIENT = `
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
const [transport, address, hex] = process.argv.slice(1)
const message = Buffer.from(hex, 'hex')
if (transport === 'tcp') {
  const socket = connect(53, address, () =>
    socket.write(Buffer.concat([Buffer.of(message.length >> 8, message.length & 255), message])))
  socket.resume()
} else {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.on('message', () => socket.close())
  socket.send(message, 53, address)
}`
