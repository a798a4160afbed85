import { type Cidr, parseCidr } from '../lib/ip.ts'
import { maskLength } from './iptables.ts'
import type { ReportBook } from './report.ts'
import { joinedLinesOf, type Source } from './source.ts'

/*
 * /etc/network/interfaces, interfaces(5).
 */

export interface OldInterface {
  readonly name: string
  readonly method: string
  readonly address?: Cidr
  readonly gateway?: string
  readonly dns: readonly string[]
  readonly mtu?: number
  readonly mac?: string
  /** The ports of a bridge. */
  readonly bridgePorts?: readonly string[]
  /** The port below a VLAN that does not say it in its name. */
  readonly rawDevice?: string
  /** Of method ppp: the file in /etc/ppp/peers. */
  readonly provider?: string
  /** A port that is only set up before: the one below a PPPoE session. */
  readonly below?: string
  readonly from: string
}

interface Open {
  readonly name: string
  readonly method: string
  readonly from: string
  readonly options: Map<string, string>
}

const MAX_INTERFACES = 256
const STARTS = [
  'auto',
  'iface',
  'mapping',
  'source',
  'source-directory',
  'no-auto-down',
  'no-scripts',
  'rename',
  'template',
]
const TAKEN = new Set(
  `address netmask gateway dns-nameservers dns-nameserver mtu hwaddress bridge_ports bridge-ports vlan-raw-device vlan_raw_device
  provider broadcast network`.split(/\s+/),
)
const BRIDGE_DETAILS = /^bridge[-_](stp|fd|maxwait|hello|waitport)$/
/** Commands that the router does by itself. */
const DONE = /iptables-restore|ip_forward|^(\/sbin\/)?(ifconfig|ip link set)\b.*\bup\b/

/** Reads the IPv4 interfaces; what router.yaml has no word for is told in the book. */
export function readInterfaces({ file, text }: Source, book: ReportBook): OldInterface[] {
  const stanzas: Open[] = []
  let open: Open | undefined
  for (const { number, text: raw } of joinedLinesOf(text)) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const [word = '', ...rest] = line.split(/\s+/)
    const at = `${file}:${number}`
    if (word === 'iface') {
      const [name = '', family = '', method = ''] = rest
      open = undefined
      if (family !== 'inet' && name !== 'lo')
        book.add('left', at, line, 'IPv6 comes from the provider, and from ula_prefix')
      else if (stanzas.length >= MAX_INTERFACES)
        book.add('left', at, line, `more than ${MAX_INTERFACES} interfaces`)
      else {
        open = { name, method, from: at, options: new Map() }
        if (name !== 'lo' && family === 'inet') stanzas.push(open)
      }
    } else if (word.startsWith('allow-') || word === 'auto' || word.startsWith('no-')) open = undefined
    else if (STARTS.includes(word)) {
      open = undefined
      if (word.startsWith('source'))
        book.add('left', at, line, 'only files of the folder interfaces.d are read beside this one')
      else book.add('left', at, line, 'router.yaml has nothing for this')
    } else if (/^(pre-|post-)?(up|down)$/.test(word)) {
      const command = rest.join(' ')
      const below = /^(?:\/sbin\/)?(?:ifconfig|ip link set(?: dev)?) (\S+) up\b/.exec(command)?.[1]
      if (below !== undefined && below !== open?.name) open?.options.set('below', below)
      if (DONE.test(command)) book.add('carried', at, `a command (${word})`, 'the router does that by itself')
      else book.add('left', at, `a command (${word})`, 'no command runs when a port comes up')
    } else if (open && TAKEN.has(word)) open.options.set(word.replace('_', '-'), rest.join(' '))
    else if (open && BRIDGE_DETAILS.test(word)) continue
    // Its value may be the key of a wireless network.
    else
      book.add('left', at, /^[\w-]{1,40}$/.test(word) ? word : 'a line', 'router.yaml has nothing for this')
  }
  return stanzas.map((stanza) => interfaceOf(stanza, book))
}

function interfaceOf({ name, method, from, options }: Open, book: ReportBook): OldInterface {
  const get = (key: string) => options.get(key)
  const written = get('address') ?? ''
  const mask = get('netmask') ?? '24'
  const length = mask.includes('.') ? maskLength(mask) : mask
  const address = parseCidr(written.includes('/') ? written : `${written}/${length ?? ''}`)
  if (written !== '' && address?.ip.version !== 4)
    book.add('left', from, `the address of ${name}`, 'it is no IPv4 address with a netmask')
  const dns = (get('dns-nameservers') ?? get('dns-nameserver') ?? '')
    .split(/\s+/)
    .filter((part) => part !== '')
  const mtu = Number(get('mtu'))
  const mac = get('hwaddress')?.split(/\s+/).at(-1)
  const ports = get('bridge-ports')
    ?.split(/\s+/)
    .filter((part) => part !== '' && part !== 'none' && part !== 'regex')
  const [raw, provider, gateway, below] = [
    get('vlan-raw-device'),
    get('provider'),
    get('gateway'),
    get('below'),
  ]
  return {
    name,
    method,
    dns,
    from,
    ...(address?.ip.version === 4 && { address }),
    ...(gateway !== undefined && { gateway }),
    ...(Number.isInteger(mtu) && mtu > 0 && { mtu }),
    ...(mac !== undefined && { mac }),
    ...(ports !== undefined && { bridgePorts: ports }),
    ...(raw !== undefined && { rawDevice: raw }),
    ...(provider !== undefined && { provider: provider.replace(/^["']|["']$/g, '') }),
    ...(below !== undefined && { below }),
  }
}
