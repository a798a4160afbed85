import { exchange } from '../../../bench/dns-capture.ts'
import { dnsRows } from '../../../bench/dns-rows.ts'
import { type DnsCounts, noCounts } from '../../../src/watch/dns/counts.ts'
import { DnsTransactions } from '../../../src/watch/dns/transactions.ts'
import { ETHERNET } from '../../dns-reader.ts'
import { type Ends, ethernet, framed, ip, message, RESPONSE, tcp, udp } from '../../dns-wire.ts'
import { below, HOUR_MS, type Mark, mark, type Soaked, START_MS, uniform } from './soak-day.ts'

/*
 * A day of DNS: a household, those who do not play by the rules, and floods of random names from spoofed addresses. What
 * has to be counted is known beforehand but for garbage, each packet of which has to be in some count.
 */

const MICROS = 1000
const SECOND = 1_000_000
const HOURS = [2, 1, 1, 1, 1, 2, 4, 6, 6, 5, 5, 5, 6, 6, 5, 5, 6, 8, 10, 12, 12, 11, 8, 4]
/** The first is over when memory is looked at first: tables that grow have grown. */
const FLOOD_HOURS = [3, 20]
/** Of the household's transactions there are so many for one of a flood; of these, so many a second. */
const FLOOD_SHARE = 8
const FLOOD_STEP = SECOND / 20_000
const TEMPLATES = 2048
const UDP_HEADER = 8
const UDP = 17
const AXFR = 252
const SYN = 2
const FIN = 1
const RST = 4
const ACK = 16

interface Template {
  readonly ends: Ends
  readonly query: Buffer
  readonly response: Buffer
  /** Where the UDP header is in both. */
  readonly udpAt: number
}

export function soakDns(transactions: number): Soaked {
  return new Day(transactions).run()
}

class Day {
  readonly #household: number
  readonly #random = uniform(7)
  readonly #templates = templates()
  readonly #pair = ofOneClient(this.#templates)
  readonly #flood = floodTemplate()
  readonly #expected = noCounts()
  readonly #emitted = { answered: 0, timeout: 0, unasked: 0 }
  readonly #dns = new DnsTransactions({
    emit: (line, { status }) => {
      this.#emitted[status] += 1
      if (!line.startsWith('{') || !line.endsWith('}')) throw new Error(line)
    },
    isLocal: (address) => address === '10.0.0.1',
  })
  /** What is to come, in the order of time. */
  readonly #waiting: { readonly micros: number; readonly send: () => void }[] = []
  #now = START_MS * MICROS
  #done = 0
  #identification = 0
  #garbage = 0

  constructor(household: number) {
    this.#household = household
  }

  run(): Soaked {
    const marks: Mark[] = []
    const weight = HOURS.reduce((sum, hour) => sum + hour, 0)
    for (const [hour, share] of HOURS.entries()) {
      const count = Math.floor((this.#household * share) / weight)
      const begin = (START_MS + hour * HOUR_MS) * MICROS
      const step = (HOUR_MS * MICROS) / count
      for (let i = 0; i < count; i++) {
        if (i === count >> 1 && FLOOD_HOURS.includes(hour)) this.#floods()
        this.#goTo(begin + Math.floor((i + this.#random()) * step))
        this.#transaction()
      }
      if (hour % 6 === 5) marks.push(mark(hour + 1, this.#done))
    }
    this.#end()
    const { answered, timeout, unasked } = this.#emitted
    return {
      marks,
      counts: { ...this.#dns.counts, emitted: answered + timeout + unasked, open: this.#dns.open },
      expected: {
        ...this.#expected,
        // Of a flood, as many as the table has no room for.
        crowdedOut: this.#dns.counts.crowdedOut,
        emitted: this.#expected.answered + this.#expected.timeouts + this.#expected.unasked,
        open: 0,
      },
      seen: { garbage: this.#garbage, transactions: this.#done },
    }
  }

  #transaction(): void {
    this.#done += 1
    const { ends, query, response, udpAt } = this.#template()
    const [id, port] = this.#idAndPort()
    const chance = this.#random()
    const delay = 40 + below(this.#random, 60_000)
    const ask = (): void => this.#packet(patched(query, udpAt, udpAt, port, id), 1)
    const answer = (): void => this.#packet(patched(response, udpAt, udpAt + 2, port, id), 1)
    if (chance > 0.99) this.#withGarbage()
    else if (chance > 0.98) this.#overTcp({ ...ends, fromPort: port }, query, response, udpAt)
    else if (chance > 0.97) this.#inFragments(ends, patched(response, udpAt, udpAt + 2, port, id), udpAt, ask)
    else if (chance > 0.96) {
      // Nobody answers.
      this.#expect({ timeouts: 1 })
      ask()
    } else if (chance > 0.95) {
      // Nobody asked.
      this.#expect({ unasked: 1 })
      answer()
    } else if (chance > 0.94) {
      this.#expect({ retransmissions: 1, answered: 1 })
      ask()
      this.#later(SECOND, ask)
      this.#later(SECOND + delay, answer)
    } else if (chance > 0.93) {
      this.#expect({ answered: 1, unasked: 1 })
      ask()
      this.#later(delay, answer)
      this.#later(delay + 100, answer)
    } else if (chance > 0.92) {
      // Too late.
      this.#expect({ timeouts: 1, unasked: 1 })
      ask()
      this.#later(6 * SECOND, answer)
    } else if (chance > 0.9) this.#withSameId(id, port)
    else {
      this.#expect({ answered: 1 })
      ask()
      this.#later(delay, answer)
    }
  }

  /** Two questions of one client with the same id and port, one while the other waits. */
  #withSameId(id: number, port: number): void {
    this.#expect({ answered: this.#pair.length })
    for (const { query, response, udpAt } of this.#pair) {
      this.#packet(patched(query, udpAt, udpAt, port, id), 1)
      this.#later(5000 + below(this.#random, 5000), () =>
        this.#packet(patched(response, udpAt, udpAt + 2, port, id), 1),
      )
    }
  }

  /** A response in two parts, one of which is lost half of the time. */
  #inFragments(ends: Ends, response: Buffer, udpAt: number, ask: () => void): void {
    const datagram = response.subarray(udpAt)
    const half = (datagram.length >> 4) * 8
    const back = { from: ends.to, to: ends.from }
    // In turn, as senders do: a part that waits for another one must not meet one of another datagram.
    this.#identification = (this.#identification + 1) & 0xffff
    const identification = this.#identification
    const part = (from: number, end: number): Buffer =>
      ethernet(
        ip(back, UDP, datagram.subarray(from, end), {
          identification,
          offset: from,
          more: end < datagram.length,
        }),
      )
    const parts = [part(0, half), part(half, datagram.length)]
    ask()
    const lost = this.#random() < 0.5
    this.#expect(lost ? { timeouts: 1, fragmentsDropped: 1 } : { answered: 1 })
    if (lost) this.#packet(parts[below(this.#random, 2)] ?? EMPTY, 0)
    else {
      // In any order.
      if (this.#random() < 0.5) parts.reverse()
      this.#packet(parts[0] ?? EMPTY, 0)
      this.#packet(parts[1] ?? EMPTY, 1)
    }
  }

  /** A connection that ends well, one that breaks off within the response, or one with a zone in three messages. */
  #overTcp(ends: Ends, queryFrame: Buffer, responseFrame: Buffer, udpAt: number): void {
    const back = { from: ends.to, to: ends.from, fromPort: 53, toPort: ends.fromPort }
    const query = queryFrame.subarray(udpAt + UDP_HEADER)
    const response = Buffer.from(responseFrame.subarray(udpAt + UDP_HEADER))
    query.copy(response, 0, 0, 2)
    const kind = this.#random()
    const asked = kind < 0.1 ? message({ questions: [ZONE] }) : query
    const answers =
      kind < 0.1 ? [1, 2, 3].map(() => message({ flags: RESPONSE, questions: [ZONE] })) : [response]
    const stream = Buffer.concat(answers.map(framed))
    const one = (sequence: number, flags: number, payload: Buffer): Buffer =>
      ethernet(tcp(ends, { sequence, acknowledged: 501, flags, payload }))
    const other = (sequence: number, flags: number, payload: Buffer): Buffer =>
      ethernet(tcp(back, { sequence, acknowledged: 101 + asked.length + 2, flags, payload }))
    this.#packet(ethernet(tcp(ends, { sequence: 100, flags: SYN })), 0)
    this.#packet(ethernet(tcp(back, { sequence: 500, acknowledged: 101, flags: SYN | ACK })), 0)
    this.#packet(one(101, ACK, framed(asked)), 1)
    const half = stream.length >> 1
    if (kind > 0.5) {
      this.#expect({ timeouts: 1, streamGaps: 1 })
      this.#packet(other(501, ACK, stream.subarray(0, half)), 0)
      // Or not another word.
      if (kind > 0.75) this.#packet(ethernet(tcp(back, { sequence: 501 + half, flags: RST })), 0)
      return
    }
    this.#expect({ answered: answers.length })
    // The second half comes first.
    this.#packet(other(501 + half, ACK, stream.subarray(half)), 0)
    this.#packet(other(501, ACK, stream.subarray(0, half)), answers.length)
    this.#packet(ethernet(tcp(ends, { sequence: 101 + asked.length + 2, flags: FIN })), 0)
    this.#packet(other(501 + stream.length, FIN | ACK, EMPTY), 0)
  }

  /** From an address of its own, so that nobody else's counts change. */
  #withGarbage(): void {
    const ends = { from: `192.0.2.${below(this.#random, 256)}`, to: '10.0.0.1', fromPort: 4053, toPort: 53 }
    const bytes = (length: number): Buffer =>
      Buffer.from(Uint8Array.from({ length }, () => below(this.#random, 256)))
    switch (below(this.#random, 5)) {
      case 0:
        this.#unforeseen([bytes(below(this.#random, 200))])
        return
      case 1:
        this.#unforeseen([ethernet(udp(ends, bytes(below(this.#random, 300))))])
        return
      case 2: {
        const whole = ethernet(udp(ends, this.#wrongMessage()))
        this.#unforeseen([whole.subarray(0, below(this.#random, whole.length))])
        return
      }
      case 3:
        this.#unforeseen([ethernet(udp(ends, this.#wrongMessage()))])
        return
      default: {
        const payload = bytes(2 + below(this.#random, 400))
        if (this.#random() < 0.5) payload[0] = 0
        this.#expect({ streamGaps: leavesRest(payload) ? 1 : 0 })
        this.#unforeseen([
          ethernet(tcp(ends, { sequence: 1, flags: SYN })),
          ethernet(tcp(ends, { sequence: 2, payload })),
          ethernet(tcp(ends, { sequence: 2 + payload.length, flags: RST })),
        ])
      }
    }
  }

  /** Of a good message, some bytes are changed. */
  #wrongMessage(): Buffer {
    const { query, response, udpAt } = this.#template()
    const bytes = Buffer.from((this.#random() < 0.5 ? query : response).subarray(udpAt + UDP_HEADER))
    for (let i = 0; i < 4; i++) bytes[below(this.#random, bytes.length)] = below(this.#random, 256)
    return bytes
  }

  /** Packets of which only the watcher knows what they are; but all have to be in some count. */
  #unforeseen(packets: readonly Buffer[]): void {
    const before = { ...this.#dns.counts }
    const expected = this.#expected
    const gaps = expected.streamGaps
    for (const bytes of packets) this.#packet(bytes, 0)
    const { counts } = this.#dns
    const rise = (name: keyof DnsCounts): number => counts[name] - before[name]
    const risen = COUNTED.reduce((sum, name) => sum + rise(name), 0)
    if (risen === 0 && gaps === expected.streamGaps && rise('streamGaps') === 0)
      throw new Error(`in no count: ${packets.map((bytes) => bytes.toString('hex')).join(' ')}`)
    this.#garbage += 1
    for (const name of [...COUNTED, 'unasked', 'retransmissions', 'answered'] as const)
      expected[name] += rise(name)
    expected.timeouts += rise('messages') - rise('unasked') - rise('retransmissions') - rise('answered')
  }

  /** Random names from any address, most of which nobody answers, while the household goes on. */
  #floods(): void {
    const { query, response, udpAt } = this.#flood
    const count = Math.floor(this.#household / FLOOD_SHARE)
    for (let i = 0; i < count; i++) {
      this.#goTo(this.#now + FLOOD_STEP)
      if (i % 16 === 0) this.#transaction()
      this.#done += 1
      const [id, port] = this.#idAndPort()
      const address = below(this.#random, 2 ** 32)
      const label = `${below(this.#random, 2 ** 32)
        .toString(16)
        .padStart(8, '0')}${i.toString(16).padStart(8, '0')}`
      const named = (frame: Buffer, addressAt: number, portAt: number): Buffer => {
        frame.writeUInt32BE(address, addressAt)
        frame.write(label, udpAt + UDP_HEADER + 13, 'latin1')
        return patched(frame, udpAt, portAt, port, id)
      }
      this.#packet(named(query, 26, udpAt), 1)
      const isAnswered = i % 4 === 0
      this.#expect(isAnswered ? { answered: 1 } : { timeouts: 1 })
      if (isAnswered)
        this.#later(below(this.#random, 50_000), () => this.#packet(named(response, 30, udpAt + 2), 1))
      // Parts of datagrams, and of connections, that nobody completes.
      if (i % 64 === 1) this.#pieces(address)
    }
  }

  #pieces(address: number): void {
    const from = [24, 16, 8, 0].map((bits) => (address >>> bits) & 255).join('.')
    const ends = { from, to: '10.0.0.1', fromPort: 1024, toPort: 53 }
    this.#expect({ fragmentsDropped: 1, streamGaps: 1 })
    this.#packet(ethernet(ip(ends, UDP, Buffer.alloc(1400), { offset: 0, more: true })), 0)
    this.#packet(ethernet(tcp(ends, { sequence: 1, flags: SYN })), 0)
    this.#packet(ethernet(tcp(ends, { sequence: 2, payload: Buffer.from('ffff00', 'hex') })), 0)
  }

  /** What waits comes, and then time goes on until everything is given up. */
  #end(): void {
    this.#goTo(this.#now + 10 * SECOND)
    this.#goTo(this.#now + 600 * SECOND)
    const { ends, query, response, udpAt } = this.#template()
    this.#expect({ answered: 1 })
    const datagram = response.subarray(udpAt)
    const back = { from: ends.to, to: ends.from }
    this.#packet(patched(query, udpAt, udpAt, 1024, 1), 1)
    patched(response, udpAt, udpAt + 2, 1024, 1)
    this.#packet(ethernet(ip(back, UDP, datagram.subarray(0, 16), { more: true })), 0)
    this.#packet(ethernet(ip(back, UDP, datagram.subarray(16), { offset: 16 })), 1)
    this.#packet(ethernet(tcp(ends, { sequence: 1, flags: RST })), 0)
    this.#dns.end()
  }

  #template(): Template {
    const template = this.#templates[below(this.#random, TEMPLATES)]
    if (!template) throw new Error('no template')
    return template
  }

  #idAndPort(): [number, number] {
    return [below(this.#random, 65_536), 1024 + below(this.#random, 60_000)]
  }

  /** A packet now, which has or completes so many messages. */
  #packet(bytes: Buffer, messages: number): void {
    this.#expected.packets += 1
    this.#expected.messages += messages
    this.#dns.packet(bytes, ETHERNET, this.#now, 'br-home')
  }

  #expect(counts: Partial<DnsCounts>): void {
    for (const [name, count] of Object.entries(counts)) this.#expected[name as keyof DnsCounts] += count
  }

  #later(afterMicros: number, send: () => void): void {
    const micros = this.#now + afterMicros
    let place = this.#waiting.length
    while (place > 0 && (this.#waiting[place - 1]?.micros ?? 0) > micros) place--
    this.#waiting.splice(place, 0, { micros, send })
  }

  #goTo(micros: number): void {
    for (let next = this.#waiting[0]; next && next.micros <= micros; next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#now = Math.max(this.#now, next.micros)
      next.send()
    }
    this.#now = Math.max(this.#now, micros)
    this.#dns.tick(this.#now)
  }
}

/** Each packet is in one of them, or in a gap. */
const COUNTED = ['otherPackets', 'messages', 'malformed', 'cutOff'] as const
const EMPTY = Buffer.alloc(0)
const ZONE = { name: 'example.org', type: AXFR }

function templates(): Template[] {
  const made: Template[] = []
  for (const row of dnsRows({ rows: TEMPLATES, days: 1 })) {
    const { query, response } = exchange(row, made.length)
    const udpAt = row.clientAddress.includes(':') ? 14 + 40 : 14 + 20
    const ends = { from: row.clientAddress, to: row.serverAddress, fromPort: 0, toPort: 53 }
    made.push({ ends, query, response, udpAt })
  }
  return made
}

/** The first one, and one of the same client that asks for something else. */
function ofOneClient(all: readonly Template[]): Template[] {
  const asks = ({ query, udpAt }: Template): string => query.toString('latin1', udpAt + UDP_HEADER + 2)
  const [first] = all
  const other = all.find((one) => first && one.ends.from === first.ends.from && asks(one) !== asks(first))
  return first && other ? [first, other] : []
}

function floodTemplate(): Template {
  const ends = { from: '10.9.9.9', to: '10.0.0.1', fromPort: 1024, toPort: 53 }
  const back = { from: ends.to, to: ends.from, fromPort: 53, toPort: 1024 }
  const questions = [{ name: '0123456789abcdef.example.net', type: 1 }]
  return {
    ends,
    query: ethernet(udp(ends, message({ questions }))),
    response: ethernet(udp(back, message({ questions, flags: RESPONSE | 3 }))),
    udpAt: 34,
  }
}

function patched(frame: Buffer, udpAt: number, portAt: number, port: number, id: number): Buffer {
  frame.writeUInt16BE(port, portAt)
  frame.writeUInt16BE(id, udpAt + UDP_HEADER)
  return frame
}

/** Whether a stream ends within a message. */
function leavesRest(stream: Buffer): boolean {
  let at = 0
  while (at + 2 <= stream.length && at + 2 + stream.readUInt16BE(at) <= stream.length)
    at += 2 + stream.readUInt16BE(at)
  return at < stream.length
}
