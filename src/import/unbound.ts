import { parseIp } from '../lib/ip.ts'
import type { ReportBook } from './report.ts'
import { linesOf, type Source } from './source.ts'

/*
 * unbound.conf(5): "name: value" lines in clauses.
 */

export interface OldUnbound {
  readonly forwardTo: readonly string[]
  readonly privateDomains: readonly string[]
  readonly cacheBytes?: number
  readonly rootHints?: string
  readonly trustAnchor?: string
}

/** What the module does in any case, or has an answer of its own to. */
const DONE = new Set(
  `interface ip-address access-control logfile use-syslog verbosity do-ip4 do-ip6 do-udp do-tcp username chroot directory pidfile
  num-threads msg-cache-slabs rrset-cache-slabs infra-cache-slabs key-cache-slabs so-reuseport prefetch prefetch-key hide-identity
  hide-version harden-glue harden-dnssec-stripped harden-referral-path qname-minimisation auto-trust-anchor-file log-time-ascii
  private-address outgoing-range num-queries-per-thread root-hints trust-anchor-file ip-freebind aggressive-nsec`.split(
    /\s+/,
  ),
)

/** Reads unbound.conf; what the module has no key for is told in the book. */
export function readUnbound({ file, text }: Source, book: ReportBook): OldUnbound {
  const forwardTo: string[] = []
  const privateDomains: string[] = []
  let cacheBytes = 0
  let files: Pick<OldUnbound, 'rootHints' | 'trustAnchor'> = {}
  let clause = ''
  let zone = ''
  for (const { number, text: raw } of linesOf(text)) {
    const line = raw.replace(/(^|\s)#.*$/, '').trim()
    const match = /^([a-z0-9-]{1,60}):\s*(.*)$/.exec(line)
    if (!match) {
      if (line !== '') book.add('left', `${file}:${number}`, line, 'this line is not understood')
      continue
    }
    const [, name = '', quoted = ''] = match
    const value = quoted.replace(/^["']|["']$/g, '')
    const left = (why: string) => book.add('left', `${file}:${number}`, line, why)
    if (
      value === '' &&
      ['server', 'forward-zone', 'stub-zone', 'auth-zone', 'remote-control', 'view', 'python'].includes(name)
    ) {
      clause = name
      zone = ''
      if (!['server', 'forward-zone', 'remote-control'].includes(name))
        left('the module unbound has no key for it')
    } else if (clause === 'remote-control') continue
    else if (clause === 'forward-zone') {
      if (name === 'name') zone = value
      else if (name === 'forward-addr' && zone === '.') forwarder(value, forwardTo, left)
      else if (name.startsWith('forward-'))
        left(`only all names are forwarded, and not those of ${zone || 'a zone'} alone`)
    } else if (clause !== 'server' && clause !== '') continue
    else if (name === 'port') {
      if (value !== '53') left('the resolver answers on port 53')
    } else if (name === 'private-domain') privateDomains.push(value.replace(/\.$/, '').toLowerCase())
    else if (name === 'msg-cache-size' || name === 'rrset-cache-size') cacheBytes += bytesOf(value)
    else if (name === 'root-hints') files = { ...files, rootHints: value }
    else if (name === 'trust-anchor-file') files = { ...files, trustAnchor: value }
    else if (name === 'local-data' || name === 'local-zone' || name === 'local-data-ptr')
      left('names of our own are those of reservations and of DHCP clients: give the host a reservation')
    else if (!DONE.has(name)) left('the module unbound has no key for it')
  }
  return { forwardTo, privateDomains, ...(cacheBytes >= 4 * 2 ** 20 && { cacheBytes }), ...files }
}

function forwarder(value: string, forwardTo: string[], left: (why: string) => void): void {
  const [address = '', name] = value.split('#')
  if (/@(?!53$)/.test(address) || name !== undefined) left('resolvers are asked on port 53, without TLS')
  else if (parseIp(address.replace(/@53$/, ''))) forwardTo.push(address.replace(/@53$/, ''))
  else left('this is no address')
}

function bytesOf(text: string): number {
  const [, digits = '0', unit = ''] = /^(\d{1,12})\s*([kmg]?)b?$/i.exec(text) ?? []
  return Number(digits) * ({ k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[unit.toLowerCase()] ?? 1)
}
