import { formatPrefix } from '../lib/ip.ts'
import type { Iptables, IptablesRule, IptablesTable } from './iptables.ts'
import { DOCKER_CHAIN, type FlatRule } from './iptables-flat.ts'
import type { ReportBook } from './report.ts'
import type { Fates } from './rule-fates.ts'
import { DOCKER_DEVICE, type OldZones, zonesOf } from './zones.ts'

/*
 * What needs no place in router.yaml, or has none.
 */

/** Docker's own rules, and tables that only adjust packets. */
export function leaveAside(table: string, rule: IptablesRule, zones: OldZones, fates: Fates): void {
  const target = rule.target ?? ''
  const devices = rule.conditions.flatMap((one) =>
    one.kind === 'in' || one.kind === 'out' ? [one.device] : [],
  )
  const isDockers = devices.length > 0 && devices.every((device) => DOCKER_DEVICE.test(device))
  const strange = devices.find((device) => zonesOf(zones, device).length === 0)
  if (strange !== undefined) fates.left(rule, `no file says what ${strange} is`)
  if (DOCKER_CHAIN.test(rule.chain)) {
    if (isDockers || DOCKER_CHAIN.test(target) || target === 'RETURN' || target === 'DNAT') fates.docker(rule)
    else if (target === 'ACCEPT' && !onlyAnswers(rule))
      fates.left(rule, 'what reaches containers is said by the modules that publish ports')
    else fates.carried(rule, 'containers answer the WAN, and are closed to it but for what a module opens')
  } else if (
    DOCKER_CHAIN.test(target) ||
    isHairpin(rule) ||
    (isDockers && target !== 'DROP' && target !== 'REJECT')
  )
    fates.docker(rule)
  else if (table === 'mangle' && target === 'TCPMSS')
    fates.carried(rule, 'the segment size is set wherever the WAN is narrow')
  else if (table !== 'filter' && table !== 'nat')
    fates.left(rule, `router.yaml has nothing for the table ${table}`)
}

/** Docker's rule for a container that reaches its own published port: from an address to the same one. */
function isHairpin({ target, conditions }: IptablesRule): boolean {
  const of = (kind: 'source' | 'destination') =>
    conditions.flatMap((one) => (one.kind === kind ? [formatPrefix(one.prefix)] : []))[0]
  return target === 'MASQUERADE' && of('source') !== undefined && of('source') === of('destination')
}

function onlyAnswers({ conditions }: IptablesRule): boolean {
  return conditions.some((one) => one.kind === 'states' && !one.not && !one.states.includes('NEW'))
}

/** POSTROUTING: masquerading is what the WAN does in any case. */
export function natRest(rules: readonly FlatRule[], zones: OldZones, fates: Fates): void {
  for (const { rule, unknown } of rules) {
    if (fates.isAside(rule)) continue
    const out = rule.conditions.find(({ kind }) => kind === 'out')
    const toWan = out?.kind === 'out' && !out.not && zones.wan.includes(out.device)
    const fromInside = rule.conditions.every(({ kind }) => kind === 'out' || kind === 'source')
    if (unknown === undefined && toWan && fromInside && rule.target === 'MASQUERADE')
      fates.carried(rule, "the networks go out under the WAN's address")
    else if (rule.target === 'MASQUERADE' && !out)
      fates.left(rule, "only what leaves by the WAN gets another address, and a forward's own network")
    else fates.left(rule, `router.yaml has nothing for this ${rule.target ?? 'rule'}`)
  }
}

/** OUTPUT: what the router itself sends. */
export function outputRest(rules: readonly FlatRule[], fates: Fates): void {
  for (const { rule, verdict } of rules) {
    if (fates.isAside(rule)) continue
    if (verdict === 'accept') fates.carried(rule, 'the router itself may send everything')
    else fates.left(rule, 'what the router itself sends is not filtered')
  }
}

/** What the policies of the old chains let through, and lines that are no rules. */
export function policies(
  filter: IptablesTable,
  isOpen: (chain: string) => boolean,
  zones: OldZones,
  book: ReportBook,
  { file, unread }: Iptables,
): void {
  const at = (chain: string) => `${file}:${filter.policies.get(chain)?.line ?? 1}`
  const say = (section: 'carried' | 'left', chain: string, what: string, why: string) =>
    book.add(section, at(chain), what, why)
  if (isOpen('INPUT')) {
    const what = 'the policy ACCEPT of INPUT: everything reached the router'
    say('left', 'INPUT', what, 'here only what is allowed passes')
  }
  if (isOpen('FORWARD')) {
    const what =
      "the policy ACCEPT of FORWARD from the WAN: a neighbour on the provider's link reached every host"
    say('left', 'FORWARD', what, 'from the WAN only port forwards pass')
    say('carried', 'FORWARD', 'the policy ACCEPT of FORWARD to the WAN', 'each network reaches the WAN')
    if (zones.networks.length > 1)
      say(
        'carried',
        'FORWARD',
        'the policy ACCEPT of FORWARD between networks',
        'firewall.allow in each direction',
      )
  }
  if (filter.policies.get('OUTPUT')?.policy === 'DROP')
    say('left', 'OUTPUT', 'the policy DROP of OUTPUT', 'what the router itself sends is not filtered')
  const spoofed =
    'packets whose source does not belong where they come in: a host with a strange address, the WAN with ours'
  book.add('left', file, spoofed, 'they are dropped')
  const direct =
    "packets from the WAN for addresses inside, which a neighbour on the provider's link can send"
  book.add('left', file, direct, "they are dropped: a forward is of the WAN's own address")
  for (const { line, text } of unread)
    book.add('left', `${file}:${line}`, text, 'this line is not understood')
}
