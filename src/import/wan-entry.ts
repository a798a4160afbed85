import { formatIp } from '../lib/ip.ts'
import type { Facts } from './facts.ts'
import { type Noted, type NotedMap, noted, row } from './noted.ts'
import type { ReportBook } from './report.ts'
import type { OldUplink } from './uplink.ts'

interface From {
  readonly uplink: OldUplink
  /** By its name on this machine. */
  readonly port: string
  readonly isChosen: boolean
  readonly facts: Facts
  readonly keep: (name: string, text: string) => string
  readonly secretsFolder: string
  readonly book: ReportBook
}

/** The uplink: PPPoE with the old user, a static address, or DHCP. */
export function wanEntry(from: From): Noted {
  const { uplink, port, isChosen, facts } = from
  const mac = facts.interfaces.find(({ name }) => name === uplink.port)?.mac
  const portEntry = {
    interface: noted(port, isChosen ? 'as you said' : uplink.from),
    ...(mac !== undefined && { mac: noted(mac, uplink.from) }),
  }
  const mode = pppoe(from) ?? fixed(from) ?? dhcp(from)
  return noted({ ...mode, ...portEntry })
}

function pppoe({ uplink: { peer }, facts, keep, secretsFolder, book }: From): NotedMap | undefined {
  if (peer?.user === undefined) return undefined
  const { user, mtu, service, concentrator, echoSecs, echoFailures, file } = peer
  const password = facts.passwordOf(user)
  const path = password === undefined ? `${secretsFolder}/pppoe` : keep('pppoe', `${password}\n`)
  if (password === undefined)
    book.add(
      'todo',
      file,
      `write the password of PPPoE into ${path}, chmod 400`,
      'pap-secrets and chap-secrets do not have it',
    )
  book.add('carried', file, 'the PPPoE session', 'wan')
  return {
    mode: noted('pppoe', file),
    username: noted(user, file),
    password_file: noted(path),
    ...(mtu !== undefined && mtu < 1492 && { mtu_bytes: noted(mtu, file) }),
    ...(service !== undefined && { service_name: noted(service, file) }),
    ...(concentrator !== undefined && { ac_name: noted(concentrator, file) }),
    ...(echoSecs !== undefined && { lcp_echo_secs: noted(echoSecs, file) }),
    ...(echoFailures !== undefined && { lcp_echo_failures: noted(echoFailures, file) }),
  }
}

function fixed({ uplink: { fixed: old }, isChosen, book }: From): NotedMap | undefined {
  if (old?.address === undefined || old.gateway === undefined) return undefined
  const { address, gateway, dns, mtu, from } = old
  book.add(
    'carried',
    from,
    'the static address of the WAN',
    isChosen ? 'wan, on the port that you said' : 'wan',
  )
  return {
    mode: noted('static', from),
    address: noted(`${formatIp(address.ip)}/${address.prefix.length}`),
    gateway: noted(gateway),
    ...(dns.length > 0 && { dns: row(dns) }),
    ...(mtu !== undefined && mtu < 1500 && { mtu_bytes: noted(mtu) }),
  }
}

function dhcp({ uplink, book }: From): NotedMap {
  if (uplink.devices.includes('ppp0')) {
    const why = 'the files of /etc/ppp are not here: write mode: pppoe with username and password_file'
    book.add('left', uplink.peer?.file ?? 'etc/ppp', "the PPPoE session: its user's name", why)
  }
  book.add(
    'assumed',
    uplink.from,
    'the provider gives the WAN its address by DHCP',
    'else write mode: static or pppoe',
  )
  return { mode: noted('dhcp', 'or static, or pppoe: docs/router-yaml.md') }
}
