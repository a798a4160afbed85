import { readFileSync } from 'node:fs'
import * as libc from '../../../src/recorder/netlink/libc.ts'
import { check } from '../../../src/watch/capture/open.ts'

/* `send.ts DEVICE`: sends the Ethernet frames that its input has, a line of hexadecimal digits each. */

const AF_PACKET = 17
const SOCK_RAW = 3

const [device = ''] = process.argv.slice(2)
const fd = check('socket', libc.socket(AF_PACKET, SOCK_RAW, 0))
const address = Buffer.alloc(20)
address.writeUInt16LE(AF_PACKET, 0)
address.writeInt32LE(libc.ifNameToIndex(device), 4)
for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const frame = Buffer.from(line, 'hex')
  check('sendto', libc.sendto(fd, frame, frame.length, 0, address, address.length))
}
