import { isIPv4 } from 'node:net'
import { endConnections } from './end-connections.ts'
import { isStale } from './stale-nat.ts'

/*
 * flush-nat ADDRESS…: ends the connections that are translated to or from these addresses, and prints how many. A process
 * of its own, since an address changes once in a while and the agent is always there: netlink would cost it memory.
 */

const gone = new Set(process.argv.slice(2))
if (gone.size === 0 || ![...gone].every((address) => isIPv4(address))) {
  process.stderr.write('flush-nat: no IPv4 addresses given\n')
  process.exit(64)
}
process.stdout.write(`${await endConnections((connection) => isStale(connection, gone))}\n`)
