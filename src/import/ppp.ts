import type { ReportBook } from './report.ts'
import { joinedLinesOf, type Source, wordsOf } from './source.ts'

/*
 * /etc/ppp/peers/* and the files of secrets, pppd(8). Nothing of a file of secrets is ever quoted.
 */

export interface OldPeer {
  readonly file: string
  /** The port that the session runs over. */
  readonly port?: string
  readonly user?: string
  readonly service?: string
  readonly concentrator?: string
  readonly mtu?: number
  readonly echoSecs?: number
  readonly echoFailures?: number
  readonly isPppoe: boolean
}

/** Options that say what the router does in any case, or that only pppd's own scripts want. */
const DONE = new Set(
  `noipdefault defaultroute replacedefaultroute hide-password noauth persist maxfail mru usepeerdns nodetach noaccomp nopcomp
  nobsdcomp nodeflate novj noccp default-asyncmap holdoff ipparam linkname lock debug +ipv6 ipv6 updetach connect pty`.split(
    /\s+/,
  ),
)
const WITH_VALUE = new Set('maxfail mru holdoff ipparam linkname connect ipv6 unit'.split(' '))

/** Reads a file of /etc/ppp/peers. */
export function readPeer({ file, text }: Source, book: ReportBook): OldPeer {
  const found: { -readonly [K in keyof OldPeer]?: OldPeer[K] } = {}
  for (const { number, text: line } of joinedLinesOf(text)) {
    if (/^\s*(#|$)/.test(line)) continue
    const words = wordsOf(line)
    const at = `${file}:${number}`
    if (!words) {
      book.add('left', at, 'a line with a quote that does not end', 'it is not understood')
      continue
    }
    for (let i = 0; i < words.length; i++) {
      const word = words[i] ?? ''
      const value = words[i + 1]
      if (word.startsWith('#')) break
      if (word === 'plugin') {
        found.isPppoe = /pppoe/.test(value ?? '')
        i++
      } else if (word === 'user' || word === 'name') {
        if (value !== undefined) found.user = value
        i++
      } else if (['rp_pppoe_service', 'pppoe-service'].includes(word)) {
        if (value !== undefined && value !== '') found.service = value
        i++
      } else if (['rp_pppoe_ac', 'pppoe-ac'].includes(word)) {
        if (value !== undefined && value !== '') found.concentrator = value
        i++
      } else if (['mtu', 'lcp-echo-interval', 'lcp-echo-failure'].includes(word)) {
        const number = Number(value)
        if (Number.isInteger(number) && number > 0) {
          if (word === 'mtu') found.mtu = number
          else if (word === 'lcp-echo-interval') found.echoSecs = number
          else found.echoFailures = number
        }
        i++
      } else if (word === 'pty') {
        const port = /\bpppoe\b.*\s-I\s*(\S+)/.exec(value ?? '')?.[1]
        if (port !== undefined) Object.assign(found, { isPppoe: true, port })
        i++
      } else if (/^nic-[\w.:-]{1,15}$/.test(word)) found.port = word.slice(4)
      else if (/^(en|eth|lan|wan)[\w.:-]{0,12}$/.test(word)) found.port = word
      else if (DONE.has(word)) i += WITH_VALUE.has(word) && value !== undefined && !DONE.has(value) ? 1 : 0
      else {
        // Perhaps a password (`password` is an option of pppd's): the name alone is said.
        book.add(
          'left',
          at,
          `the option ${/^[\w+-]{1,30}$/.test(word) ? word : '…'} of pppd`,
          'router.yaml has no key for it',
        )
        break
      }
    }
  }
  return { isPppoe: false, ...found, file }
}

/** The password of a user in pap-secrets or chap-secrets; undefined when there is none. */
export function secretFor(user: string, { text }: Source): string | undefined {
  for (const { text: line } of joinedLinesOf(text)) {
    if (/^\s*(#|$)/.test(line)) continue
    const [client, , secret] = wordsOf(line) ?? []
    // "@/path" is a file's name, and "" no secret at all.
    if (client === user && secret !== undefined && secret !== '' && !secret.startsWith('@/')) return secret
  }
  return undefined
}
