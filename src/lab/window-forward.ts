import { closeSync, openSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { setns } from '../recorder/netlink/libc.ts'

/*
 * window-forward NAMESPACE ADDRESS PORT FIRST: listens on the building machine's loopback, at port FIRST or the next that is
 * free, and carries what comes to ADDRESS and PORT as seen from a network namespace. It is a process of the lab's and ends with
 * it.
 */

/** linux/sched.h */
const CLONE_NEWNET = 0x40000000
const TRIES = 50
const MAX_CONNECTIONS = 64

const [namespace = '', address = '', port, first] = process.argv.slice(2)

const server = createServer({ allowHalfOpen: true }, (near) => {
  const far = connect({ host: address, port: Number(port), allowHalfOpen: true })
  near.pipe(far)
  far.pipe(near)
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    one.on('error', () => other.destroy())
    one.on('close', () => other.destroy())
  }
})
server.maxConnections = MAX_CONNECTIONS

const chosen = await listenFrom(Number(first))
// This thread's sockets from now on: the one that listens stays where it is.
const fd = openSync(namespace, 'r')
if (setns(fd, CLONE_NEWNET) !== 0) throw new Error(`the network namespace ${namespace} cannot be entered`)
closeSync(fd)
process.stdout.write(`listening on ${chosen}\n`)

async function listenFrom(start: number): Promise<number> {
  for (let at = start; at < start + TRIES; at++) if (await listens(at)) return at
  throw new Error(`no port from ${start} to ${start + TRIES - 1} is free`)
}

function listens(at: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    )
    server.listen({ host: '127.0.0.1', port: at }, () => {
      server.removeAllListeners('error')
      resolve(true)
    })
  })
}
