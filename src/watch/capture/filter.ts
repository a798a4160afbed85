import {
  ANCILLARY,
  addToA,
  advanceX,
  assemble,
  goTo,
  keep,
  label,
  load,
  loadAtX,
  mask,
  recall,
  setA,
  setX,
  take,
  when,
} from './bpf.ts'

const DNS_PORT = 53
const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const
/** IEEE 802.1Q, 802.1ad, and what was used before that. */
const TAGS = [0x8100, 0x88a8, 0x9100]
/** Beyond any packet (a merged one of 64 KiB has a header besides), so that none is cut. */
const WHOLE = 0x40000
const TCP = 6
const UDP = 17
/** IPv6 extension headers (RFC 8200 section 4): hop-by-hop, routing and destination options; and the fragment header. */
const OPTIONS = [0, 43, 60]
const FRAGMENT = 44
/** Options that are walked over; with more the packet is taken, so that nobody hides behind them. */
const MAX_OPTIONS = 4

type Steps = Parameters<typeof assemble>[0]

/**
 * The kernel's filter for an Ethernet device: UDP and TCP from or to port 53 over IPv4 and IPv6, behind up to two VLAN
 * tags, and all later fragments of UDP and TCP, which do not say their ports. Frames of the VLANs in `except`, which a
 * device of their own shows again, are left to that.
 */
export function dnsFilter(except: readonly number[] = []): Buffer {
  return assemble([
    // The kernel takes the outer tag out of the frame, but not always for a frame that goes out.
    ...exceptVlans(except, 'tag in the frame'),
    load('half', 12),
    ...TAGS.map((tag) => when('equal', tag, 'one tag')),
    setX(14),
    goTo('network'),
    label('one tag'),
    load('half', 16),
    ...TAGS.map((tag) => when('equal', tag, 'two tags')),
    setX(18),
    goTo('network'),
    label('two tags'),
    load('half', 20),
    setX(22),
    // A is the EtherType, X where its header begins.
    label('network'),
    when('equal', ETHERTYPE.ipv4, 'ipv4'),
    when('equal', ETHERTYPE.ipv6, 'ipv6', 'refuse'),
    ...ipv4(),
    ...ipv6(),
    // X is where UDP or TCP begins.
    label('ports'),
    loadAtX('half', 0),
    when('equal', DNS_PORT, 'accept'),
    loadAtX('half', 2),
    when('equal', DNS_PORT, 'accept'),
    label('refuse'),
    take(0),
    label('accept'),
    take(WHOLE),
  ])
}

function exceptVlans(except: readonly number[], inFrame: string): Steps {
  if (except.length === 0) return []
  const refuse = (done: string): Steps => [
    mask(0xfff),
    ...except.map((id) => when('equal', id, 'refused vlan')),
    goTo(done),
  ]
  return [
    load('word', ANCILLARY.vlanTagPresent),
    when('equal', 0, inFrame),
    load('word', ANCILLARY.vlanTag),
    ...refuse('vlan is ours'),
    label(inFrame),
    load('half', 12),
    ...TAGS.map((tag) => when('equal', tag, 'tagged')),
    goTo('vlan is ours'),
    label('tagged'),
    load('half', 14),
    ...refuse('vlan is ours'),
    label('refused vlan'),
    take(0),
    label('vlan is ours'),
  ]
}

/** RFC 791 section 3.1. */
function ipv4(): Steps {
  return [
    label('ipv4'),
    loadAtX('byte', 9),
    when('equal', UDP, 'ipv4 transport'),
    when('equal', TCP, undefined, 'refuse'),
    label('ipv4 transport'),
    loadAtX('half', 6),
    when('anyBit', 0x1fff, 'accept'),
    loadAtX('byte', 0),
    mask(0x0f),
    ...advanceX(2),
    goTo('ports'),
  ]
}

/** RFC 8200 sections 3 and 4. */
function ipv6(): Steps {
  const options = Array.from({ length: MAX_OPTIONS }, (_, i) => [
    // A is the next header, X where it begins.
    when('equal', UDP, 'ports'),
    when('equal', TCP, 'ports'),
    when('equal', FRAGMENT, 'fragment'),
    ...OPTIONS.map((option) => when('equal', option, `options ${i}`)),
    goTo('refuse'),
    label(`options ${i}`),
    loadAtX('byte', 0),
    keep(),
    loadAtX('byte', 1),
    addToA(1),
    ...advanceX(3),
    recall(),
  ])
  return [
    label('ipv6'),
    loadAtX('byte', 6),
    keep(),
    setA(40),
    ...advanceX(),
    recall(),
    ...options.flat(),
    goTo('accept'),
    label('fragment'),
    loadAtX('half', 2),
    when('anyBit', 0xfff8, 'later fragment'),
    loadAtX('byte', 0),
    keep(),
    setA(8),
    ...advanceX(),
    recall(),
    when('equal', UDP, 'ports'),
    when('equal', TCP, 'ports'),
    ...OPTIONS.map((option) => when('equal', option, 'accept')),
    goTo('refuse'),
    label('later fragment'),
    loadAtX('byte', 0),
    ...[UDP, TCP, ...OPTIONS].map((header) => when('equal', header, 'accept')),
    goTo('refuse'),
  ]
}
