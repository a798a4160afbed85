import { isIPv6 } from 'node:net'
import { poll } from '../recorder/netlink/libc.ts'
import { type BuiltTwin, TRACE_TABLE } from './build-twin.ts'
import {
  acceptOne,
  type Begun,
  beginEcho,
  beginTcp,
  beginUdp,
  close,
  echoAnswer,
  openListener,
  pendingError,
  receive,
} from './sockets.ts'
import { decodeTrace } from './trace.ts'
import { type Outcome, type Probe, ROUTER, type TraceEvent } from './twin-spec.ts'

/** A refusal that is answered is answered at once. */
const REJECT_MS = 300
const POLLIN = 1
const POLLOUT = 4
const ICMP_PROTOCOLS = [1, 58]
const ECHO_REQUESTS = [8, 128]

/** What listens for a probe, by the host that it belongs to. */
interface Ears {
  readonly tcp: readonly { readonly host: string; readonly fd: number }[]
  readonly udp: readonly { readonly host: string; readonly fd: number }[]
}

let serial = 0

/** Sends a probe in a twin and sees what becomes of it, for so many milliseconds at most. */
export async function probe(twin: BuiltTwin, wanted: Probe, waitMs: number): Promise<Outcome> {
  const opened: number[] = []
  try {
    const ears = listenFor(twin, wanted, opened)
    for (const { fd } of ears.tcp) while (acceptOne(fd) !== undefined);
    for (const { fd } of ears.udp) while (receive(fd) !== undefined);
    readTrace(twin)
    serial = (serial % 60_000) + 1
    const text = `sekisho ${serial}`
    const begun = begin(twin, wanted, text, serial)
    if ('error' in begun)
      return { result: 'unsent', error: begun.error, trace: ownTrace(readTrace(twin), wanted) }
    opened.push(begun.fd)
    return await follow(twin, { wanted, fd: begun.fd, text, id: serial, ears, waitMs })
  } finally {
    for (const fd of opened) close(fd)
  }
}

function listenFor(twin: BuiltTwin, { protocol, port }: Probe, opened: number[]): Ears {
  const hosts = [...twin.hosts].map(([host, { tcp, udp }]) => ({ host, tcp, udp }))
  const ears = {
    tcp: hosts.map(({ host, tcp }) => ({ host, fd: tcp })),
    udp: hosts.map(({ host, udp }) => ({ host, fd: udp })),
  }
  if (protocol === 'icmp' || port === undefined) return ears
  const fd = twin.router.run(() => openListener(protocol, port))
  opened.push(fd)
  ears[protocol].push({ host: ROUTER, fd })
  return ears
}

function begin(
  twin: BuiltTwin,
  { from, source, destination, protocol, port = 0 }: Probe,
  text: string,
  id: number,
): Begun {
  const network = from === ROUTER ? twin.router : twin.hosts.get(from)?.network
  if (!network) throw new Error(`there is no host ${from}`)
  return network.run(() => {
    switch (protocol) {
      case 'tcp':
        return beginTcp(source, destination, port)
      case 'udp':
        return beginUdp(source, destination, port, text)
      case 'icmp':
        return beginEcho(source, destination, id)
    }
  })
}

interface Following {
  readonly wanted: Probe
  readonly fd: number
  readonly text: string
  readonly id: number
  readonly ears: Ears
  readonly waitMs: number
}

type Answer = Omit<Outcome, 'trace'>
/** Who took a connection: known a moment before or after its other end has opened. */
type Accepted = Pick<Outcome, 'at' | 'seenFrom'>

async function follow(twin: BuiltTwin, following: Following): Promise<Outcome> {
  const { wanted, fd, ears, waitMs } = following
  const listening = wanted.protocol === 'icmp' ? [] : ears[wanted.protocol]
  const fds = Buffer.alloc(8 * (listening.length + 2))
  const watched = [
    { fd, events: wanted.protocol === 'tcp' ? POLLOUT : POLLIN },
    { fd: twin.trace.fd, events: POLLIN },
    ...listening.map((ear) => ({ fd: ear.fd, events: POLLIN })),
  ]
  for (const [i, { fd: one, events }] of watched.entries()) {
    fds.writeInt32LE(one, 8 * i)
    fds.writeInt16LE(events, 8 * i + 4)
  }
  const events: TraceEvent[] = []
  const accepted: Accepted = {}
  let deadline = performance.now() + waitMs
  let isReady = false
  for (;;) {
    isReady ||= fds.readInt16LE(6) !== 0
    const answer = look(following, accepted, isReady)
    events.push(...readTrace(twin))
    const trace = ownTrace(events, wanted)
    if (answer) return { ...answer, trace: await wholeTrace(twin, wanted, events, answer) }
    // What a rule drops without a word will not be heard of again.
    const last = trace.findLast(({ verdict }) => verdict === 'drop')
    if (last && !twin.rejects(last)) return { result: 'silent', trace }
    if (last) deadline = Math.min(deadline, performance.now() + REJECT_MS)
    const left = deadline - performance.now()
    const open = wanted.protocol === 'tcp' && isReady
    if (left <= 0) return { result: open ? 'reached' : 'silent', trace }
    // An open connection stays writable: from here on only who took it is waited for.
    if (open) fds.writeInt32LE(-1, 0)
    else isReady = false
    await poll(fds, watched.length, Math.ceil(left))
  }
}

/** A rule's refusal may be here before the kernel's word on the rule is: it is sent while the rule is at work. */
async function wholeTrace(
  twin: BuiltTwin,
  wanted: Probe,
  events: TraceEvent[],
  { result }: Answer,
): Promise<TraceEvent[]> {
  const deadline = performance.now() + REJECT_MS
  for (;;) {
    const trace = ownTrace(events, wanted)
    const whole = result !== 'refused' || trace.some(({ verdict }) => verdict === 'drop')
    if (whole || performance.now() > deadline) return trace
    await twin.trace.wait(20)
    events.push(...readTrace(twin))
  }
}

/** What has become of the probe so far; undefined while nothing has. */
function look(
  { wanted, fd, text, id, ears }: Following,
  accepted: Accepted,
  ready: boolean,
): Answer | undefined {
  switch (wanted.protocol) {
    case 'tcp': {
      for (const { host, fd: ear } of ears.tcp) {
        const seenFrom = acceptOne(ear)
        if (seenFrom !== undefined) Object.assign(accepted, { at: host, seenFrom })
      }
      const error = ready ? pendingError(fd) : ''
      if (error !== '') return { result: 'refused', error }
      return ready && accepted.at !== undefined ? { result: 'reached', ...accepted } : undefined
    }
    case 'udp': {
      for (const { host, fd: ear } of ears.udp) {
        const got = receive(ear)
        if (got?.data.toString() === text) return { result: 'reached', at: host, seenFrom: got.from }
      }
      const error = ready ? pendingError(fd) : ''
      return error === '' ? undefined : { result: 'refused', error }
    }
    case 'icmp': {
      const six = isIPv6(wanted.source)
      for (let got = receive(fd); got; got = receive(fd)) {
        const answer = echoAnswer(got.data, six, id)
        if (answer === 'reply') return { result: 'reached' }
        if (answer === 'error') return { result: 'refused', error: 'ICMP' }
      }
      return undefined
    }
  }
}

function readTrace(twin: BuiltTwin): TraceEvent[] {
  const events: TraceEvent[] = []
  for (;;) {
    const received = twin.trace.receive()
    if (received.kind === 'empty') return events
    if (received.kind === 'messages')
      events.push(...received.messages.flatMap((message) => decodeTrace(message) ?? []))
  }
}

/** Of all that was traced, the way of the probe's first packet. */
function ownTrace(
  events: readonly TraceEvent[],
  { source, destination, protocol, port }: Probe,
): TraceEvent[] {
  const first = events.find(({ packet }) => {
    if (packet?.from !== source || packet.to !== destination) return false
    if (protocol === 'icmp')
      return ICMP_PROTOCOLS.includes(packet.protocol) && ECHO_REQUESTS.includes(packet.type)
    return packet.protocol === (protocol === 'tcp' ? 6 : 17) && packet.dport === port
  })
  return first ? events.filter(({ id, table }) => id === first.id && table !== TRACE_TABLE) : []
}
