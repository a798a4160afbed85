import type { Conntrack } from '../../../src/watch/flows/conntrack-decode.ts'
import { newScan, scanConntrack } from '../../../src/watch/flows/conntrack-scan.ts'
import { Destinations } from '../../../src/watch/flows/destinations.ts'
import { flowRecord } from '../../../src/watch/flows/flow-record.ts'
import { END_REASON, type FlowPart, FlowTable } from '../../../src/watch/flows/flow-table.ts'
import { Names } from '../../../src/watch/flows/names.ts'
import { placesOf } from '../../../src/watch/flows/zones.ts'
import { connection, conntrackPayload, ports } from '../../conntrack.ts'
import { below, type Mark, mark, type Soaked, START_MS, uniform } from './soak-day.ts'

/*
 * A day of connections as a kernel would count and tell them: short ones, some that last for hours, bursts, answers of DNS
 * before most of them, minutes in which nothing is told, and a device that asks from ever new addresses of its own. What
 * records say in sum has to be what was told in sum.
 */

const SECOND = 1_000_000
const DAY_SECS = 86_400
const CLIENTS = 32
/** Outside: what clients connect to, and what names are about. */
const SERVERS = 1000
const LIST_SECS = 60
const ACTIVE_MS = 300_000
/** Nothing is told for some seconds now and then. */
const GAP_EVERY_SECS = 5000
const GAP_SECS = 20
/** So many short connections that end at once; the end of the second burst is in a gap. The first is over at 6 hours. */
const BURST = 50_000
const BURSTS = [8000, 14 * 3600]
const BURST_LIFE_SECS = 45
/** In these hours, a device has a new address for each question, and so has who spoofs them, as often. */
const HOSTILE_HOURS = [2, 14]
const HOSTILE_A_SECOND = 60
const PACKET_BYTES = 100
const REPLY_BYTES = 1300
const TTLS = [5, 60, 60, 300, 3600]
const TCP = 6
const UDP = 17
const FIRST_CLIENT = 10
/** The first of them are in the network. */
const LOCAL_SERVERS = 20
const ONE_DEVICE = 'fd00:'
const SPOOFED = 'fd01:'

interface Live {
  readonly id: number
  readonly client: number
  readonly server: number
  readonly port: number
  readonly tcp: boolean
  readonly startMicros: number
  /** Packets a second. */
  readonly pace: number
  /** Something was told of it, and how much. */
  told: boolean
  packets: number
  /** The last list did not have it. */
  leftOut: boolean
}

export function soakFlows(connections: number): Soaked {
  return new Day(connections).run()
}

class Day {
  readonly #connections: number
  readonly #random = uniform(5)
  readonly #messages = {
    created: messages({ counts: undefined, startMicros: undefined, tcpState: 'SYN_SENT' }),
    listed: messages({ tcpState: 'ESTABLISHED' }),
    ended: messages({ tcpState: 'TIME_WAIT', stopMicros: STOP }),
  }
  readonly #scan = newScan()
  readonly #live = new Set<Live>()
  /** By the second in which they end. */
  readonly #ends = new Map<number, Live[]>()
  readonly #names = new Names({ ownerOf })
  readonly #destinations = new Destinations(this.#names, START_MS)
  readonly #placeOf = placesOf({
    networks: [{ name: 'home', device: 'br-home', prefix: '10.0.0.1/24' }],
    wanDevice: 'wan0',
    interfaces: {},
  })
  readonly #table = new FlowTable({
    maxFlows: 262_144,
    activeTimeoutMs: ACTIVE_MS,
    emit: (part) => this.#record(part),
  })
  readonly #counts = { records: 0, packets: 0, bytes: 0, reversePackets: 0, reverseBytes: 0, ends: 0 }
  readonly #told = { packets: 0, ended: 0, unended: 0 }
  readonly #status = { asked: 0, expired: 0, none: 0, local: 0 }
  #second = 0
  #made = 0
  #again = 0
  /** Of these, in no burst. */
  #begun = 0
  #listedAt = 0
  #missedAt = 0
  #mostLive = 0

  constructor(connections: number) {
    this.#connections = connections
  }

  run(): Soaked {
    const marks: Mark[] = []
    for (this.#second = 0; this.#second < DAY_SECS; this.#second++) {
      const second = this.#second
      this.#begin(Math.floor((this.#connections * (second + 1)) / DAY_SECS) - this.#begun)
      if (BURSTS.includes(second)) this.#burst()
      if (HOSTILE_HOURS.includes(Math.floor(second / 3600))) this.#hostile()
      this.#endDue()
      if (this.#isGap()) this.#missedAt = this.#micros()
      else if (second % LIST_SECS === LIST_SECS - 1) this.#list()
      if (second % (6 * 3600) === 6 * 3600 - 1) marks.push(mark((second + 1) / 3600, this.#made))
    }
    // All that is open ends, and what ended unheard is noticed.
    for (const one of this.#live) this.#end(one, true)
    for (let i = 0; i < 9; i++) {
      this.#second += LIST_SECS
      this.#list()
    }
    const { packets, ended, unended } = this.#told
    const { lost, size, lostInRestart, uncounted } = this.#table
    return {
      marks,
      counts: { ...this.#counts, lost, live: size, lostInRestart, uncounted },
      expected: {
        records: Object.values(this.#status).reduce((sum, one) => sum + one, 0),
        packets,
        bytes: packets * PACKET_BYTES,
        reversePackets: packets * 2,
        reverseBytes: packets * 2 * REPLY_BYTES,
        ends: ended + unended,
        lost: unended,
        live: 0,
        lostInRestart: 0,
        uncounted: 0,
      },
      seen: {
        ...this.#status,
        connections: this.#made,
        again: this.#again,
        mostLive: this.#mostLive,
        evicted: this.#names.evicted,
        names: this.#names.size,
      },
    }
  }

  #begin(count: number): void {
    this.#begun += count
    for (let i = 0; i < count; i++) {
      const chance = this.#random()
      // Most last for seconds, some for minutes, and some for hours; a hundred see the day through.
      const life =
        this.#made < 100
          ? 2 * DAY_SECS
          : chance < 0.001
            ? below(this.#random, 4 * 3600)
            : chance < 0.02
              ? below(this.#random, 1800)
              : below(this.#random, 60)
      const [client, server] = [below(this.#random, CLIENTS), below(this.#random, SERVERS)]
      if (this.#random() < 0.7) this.#answer(clientText(client), server)
      this.#open(client, server, life)
    }
  }

  /** `again`: with the ports of one before, and its id. */
  #open(client: number, server: number, lifeSecs: number, again?: Live): void {
    const one: Live = {
      id: again?.id ?? below(this.#random, 2 ** 32),
      client,
      server,
      port: again?.port ?? 1024 + below(this.#random, 60_000),
      tcp: again?.tcp ?? this.#random() < 0.6,
      startMicros: this.#micros() + below(this.#random, SECOND),
      // Every fourth says something once and is silent then.
      pace: below(this.#random, 4),
      told: false,
      packets: 0,
      leftOut: false,
    }
    this.#made += 1
    this.#live.add(one)
    const end = this.#second + lifeSecs
    const ends = this.#ends.get(end)
    if (ends) ends.push(one)
    else this.#ends.set(end, [one])
    if (this.#isGap()) return
    one.told = true
    this.#table.created(this.#message('created', one), this.#scan, this.#micros())
  }

  #endDue(): void {
    for (const one of this.#ends.get(this.#second) ?? [])
      if (this.#live.has(one)) this.#end(one, !this.#isGap())
    this.#ends.delete(this.#second)
  }

  #end(one: Live, isTold: boolean): void {
    this.#live.delete(one)
    if (isTold) {
      this.#grow(one)
      this.#told.ended += 1
      this.#table.destroyed(this.#message('ended', one), this.#scan, false, this.#micros())
    } else if (one.told) {
      this.#told.unended += 1
      if (one.packets > 0 && one.id % 8 === 0) {
        this.#again += 1
        this.#open(one.client, one.server, 1 + below(this.#random, 300), one)
      }
    }
    // Of others nobody ever heard.
    this.#told.packets += one.packets
  }

  /** All that is open, unless the list breaks off; meanwhile some end, of which the list may still tell. */
  #list(): void {
    const table = this.#table
    const began = this.#micros()
    table.listBegins()
    this.#mostLive = Math.max(this.#mostLive, this.#live.size)
    const breaksOff = this.#random() < 0.02
    for (const one of this.#live) {
      const chance = this.#random()
      if (breaksOff && chance < 0.001) {
        table.listFailed()
        return
      }
      // Others came and went, and the list leaves it out, as it may do once.
      one.leftOut = chance > 0.9995 && !one.leftOut
      if (one.leftOut) continue
      one.told = true
      this.#grow(one)
      const bytes = this.#message('listed', one)
      if (chance > 0.998 && chance < 0.999) this.#end(one, true)
      scanConntrack(bytes, 0, bytes.length, this.#scan)
      table.listed(bytes, this.#scan, this.#micros())
    }
    if (breaksOff) {
      table.listFailed()
      return
    }
    table.endUnseen(this.#listedAt > this.#missedAt ? this.#listedAt : 0)
    this.#listedAt = began
  }

  #burst(): void {
    for (let i = 0; i < BURST; i++)
      this.#open(below(this.#random, CLIENTS), below(this.#random, SERVERS), BURST_LIFE_SECS)
  }

  #hostile(): void {
    for (let i = 0; i < HOSTILE_A_SECOND; i++) {
      const group = (): string => below(this.#random, 2 ** 16).toString(16)
      for (const prefix of [ONE_DEVICE, SPOOFED])
        this.#answer(`${prefix}:${group()}:${group()}`, below(this.#random, SERVERS))
    }
  }

  #answer(client: string, server: number): void {
    const ttl = TTLS[below(this.#random, TTLS.length)] ?? 60
    this.#names.add({
      timeMs: this.#micros() / 1000,
      client,
      name: `n${server % 700}.example.org`,
      addresses: [{ address: serverText(server), ttl }],
    })
  }

  #record(part: FlowPart): void {
    const { original, reply } = part.conntrack
    const [source, destination] = [this.#placeOf(original.source), this.#placeOf(reply.source)]
    const name = this.#destinations.find(part, source, destination)
    const record = flowRecord(part, { source, destination, name }, this.#micros() / 1000)
    const counts = this.#counts
    counts.records += 1
    counts.packets += record.packetDeltaCount
    counts.bytes += record.octetDeltaCount
    counts.reversePackets += record.reversePacketDeltaCount
    counts.reverseBytes += record.reverseOctetDeltaCount
    if (part.endReason !== END_REASON.active) counts.ends += 1
    const { destinationNameStatus: status = 'none' } = record
    this.#status[status] += 1
  }

  #grow(one: Live): void {
    const age = Math.max(0, Math.floor((this.#micros() - one.startMicros) / SECOND))
    one.packets = 1 + age * one.pace
  }

  #message(kind: 'created' | 'listed' | 'ended', one: Live): Buffer {
    const bytes = this.#messages[kind][one.tcp ? 'tcp' : 'udp'].fill(one, this.#micros())
    scanConntrack(bytes, 0, bytes.length, this.#scan)
    return bytes
  }

  #micros(): number {
    return START_MS * 1000 + this.#second * SECOND
  }

  #isGap(): boolean {
    const into = this.#second % GAP_EVERY_SECS
    const [, second = 0] = BURSTS
    const atBurst = Math.abs(this.#second - second - BURST_LIFE_SECS) < 5
    return atBurst || (into > GAP_EVERY_SECS - GAP_SECS && this.#second < DAY_SECS - GAP_SECS)
  }
}

/** Places in messages are found by what stands there at first. */
const CLIENT = '10.0.0.250'
const SERVER = '198.51.77.78'
const PORT = 64_123
const ID = 0xf1f2f3f4
const COUNT = 2 ** 40
const START = 1_790_000_000_000_001
const STOP = 1_790_000_000_000_002

/** A message of the kernel, in which what differs from connection to connection is written anew each time. */
class Message {
  readonly #bytes: Buffer
  readonly #at: Readonly<Record<'id' | 'client' | 'server' | 'port' | 'counts' | 'start' | 'stop', number[]>>

  constructor(over: Partial<Conntrack>, protocol: number) {
    const bytes = conntrackPayload(
      connection({
        id: ID,
        original: ports(CLIENT, PORT, SERVER, 443, protocol),
        reply: ports(SERVER, 443, '203.0.113.1', PORT, protocol),
        counts: {
          originalPackets: COUNT,
          originalBytes: COUNT + 1,
          replyPackets: COUNT + 2,
          replyBytes: COUNT + 3,
        },
        startMicros: START,
        ...over,
        ...(protocol === UDP && { tcpState: undefined }),
      }),
    )
    this.#bytes = bytes
    this.#at = {
      id: places(bytes, number(ID, 4)),
      client: places(bytes, Buffer.from([10, 0, 0, 250])),
      server: places(bytes, Buffer.from([198, 51, 77, 78])),
      port: places(bytes, number(PORT, 2)),
      counts: [0, 1, 2, 3].flatMap((i) => places(bytes, number(COUNT + i, 8))),
      start: places(bytes, nanos(START, 999n)),
      stop: places(bytes, nanos(STOP, 0n)),
    }
  }

  fill({ id, client, server, port, packets, startMicros }: Live, nowMicros: number): Buffer {
    const bytes = this.#bytes
    const at = this.#at
    for (const place of at.id) bytes.writeUInt32BE(id, place)
    for (const place of at.client) bytes[place + 3] = FIRST_CLIENT + client
    for (const place of at.server) bytes.writeUInt32BE(serverNumber(server), place)
    for (const place of at.port) bytes.writeUInt16BE(port, place)
    const counts = [packets, packets * PACKET_BYTES, packets * 2, packets * 2 * REPLY_BYTES]
    // Below 2^32 each.
    for (const [i, place] of at.counts.entries()) bytes.writeUIntBE(counts[i] ?? 0, place + 2, 6)
    for (const place of at.counts) bytes.writeUInt16BE(0, place)
    for (const place of at.start) nanos(startMicros, 0n).copy(bytes, place)
    for (const place of at.stop) nanos(nowMicros, 0n).copy(bytes, place)
    return bytes
  }
}

function messages(over: Partial<Conntrack>): { readonly tcp: Message; readonly udp: Message } {
  return { tcp: new Message(over, TCP), udp: new Message(over, UDP) }
}

function clientText(client: number): string {
  return `10.0.0.${FIRST_CLIENT + client}`
}

function serverNumber(server: number): number {
  return server < LOCAL_SERVERS ? 0x0a0000c8 + server : 0xc6330000 + server
}

function serverText(server: number): string {
  const address = serverNumber(server)
  return [24, 16, 8, 0].map((bits) => (address >>> bits) & 255).join('.')
}

/** Each client is a device, and the last one has all addresses of a prefix, too. */
function ownerOf(address: string): string | undefined {
  if (address.startsWith(SPOOFED)) return undefined
  return address.startsWith(ONE_DEVICE) ? clientText(CLIENTS - 1) : address
}

function number(value: number, size: 2 | 4 | 8): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes.subarray(8 - size)
}

function nanos(micros: number, more: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(micros) * 1000n + more)
  return bytes
}

function places(bytes: Buffer, value: Buffer): number[] {
  const found: number[] = []
  for (let at = bytes.indexOf(value); at >= 0; at = bytes.indexOf(value, at + 1)) found.push(at)
  return found
}
