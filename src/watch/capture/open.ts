import { getSystemErrorMessage, getSystemErrorName } from 'node:util'
import * as libc from '../../recorder/netlink/libc.ts'
import { dnsFilter } from './filter.ts'

const AF_PACKET = 17
const SOCK_RAW = 3
const SOL_SOCKET = 1
const SO_LOCK_FILTER = 44

/**
 * Opens a packet socket, which needs CAP_NET_RAW, with the filter for DNS on it, which nobody can take off again: whoever
 * is given the socket can bind it to any device, and see no more than that. `except` are VLANs with a device of their own.
 * Until it is bound it sees nothing.
 */
export function openCapture(except: readonly number[] = []): number {
  const fd = check('socket', libc.socket(AF_PACKET, SOCK_RAW, 0))
  try {
    check('SO_ATTACH_FILTER', libc.attachFilter(fd, dnsFilter(except)))
    check('SO_LOCK_FILTER', libc.setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, int32(1), 4))
    return fd
  } catch (error) {
    libc.close(fd)
    throw error
  }
}

/** The result of a system call; throws its error, with the call's name. */
export function check(call: string, result: number): number {
  if (result >= 0) return result
  const errno = libc.errno()
  throw new Error(`${call}: ${getSystemErrorMessage(-errno)} (${getSystemErrorName(-errno)})`)
}

export function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32LE(value)
  return buffer
}
