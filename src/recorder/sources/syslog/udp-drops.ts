import { readFileSync } from 'node:fs'

/**
 * Datagrams that the kernel dropped because the buffer of the UDP socket on this IPv4 port was full, since the socket
 * was opened (the last column of /proc/net/udp); undefined when it cannot be told.
 */
export function udpDrops(port: number, read: () => string = readTable): number | undefined {
  let table: string
  try {
    table = read()
  } catch {
    return undefined
  }
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/)
    if (columns[1]?.endsWith(suffix)) return Number(columns.at(-1))
  }
  return undefined
}

function readTable(): string {
  return readFileSync('/proc/net/udp', 'utf8')
}
