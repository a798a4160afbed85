import { isIPv6 } from 'node:net'

/** uri-host [ ":" port ] of RFC 9110 section 7.2, of which a name has letters, digits, hyphens and dots only. */
const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::([0-9]{1,5}))?$/
/** Programs on the router itself, and a port of another machine that is led here. */
const LOOPBACK = ['localhost', '127.0.0.1', '::1']

/** The host that somebody asked for, without its port, in lower case. */
export interface AskedHost {
  readonly hostname: string
  /** As it is in a URL and in the header Origin: with the port. */
  readonly authority: string
}

/**
 * Returns a reader of the Host header that knows the router's names and addresses, and gives undefined for any other.
 * A page of somebody else's, whose name was made to lead here (DNS rebinding), asks for its own name and gets nothing.
 * The port may be any: it is no part of who we are.
 */
export function knownHosts(
  names: readonly string[],
  addresses: readonly string[],
): (header: string | undefined) => AskedHost | undefined {
  const known = new Set([...names, ...addresses, ...LOOPBACK].map(inUrl))
  return (header) => {
    const match = HOST.exec((header ?? '').toLowerCase())
    const [authority = '', hostname = ''] = match ?? []
    return known.has(hostname) ? { hostname, authority } : undefined
  }
}

/** A name or an address as browsers write it into a URL. */
function inUrl(host: string): string {
  return isIPv6(host) ? new URL(`http://[${host}]/`).hostname : host.toLowerCase()
}
