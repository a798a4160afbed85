import { writeFileSync } from 'node:fs'
import type { DeviceRecord } from '../src/recorder/records/device.ts'
import type { DnsRecord } from '../src/recorder/records/dns.ts'
import type { FlowRecord } from '../src/recorder/records/flow.ts'
import { frame, makeData, runPass, writeSegment } from './archive-pass.ts'

/*
 * A few days of a small network, as the watchers and the devices source record it: the days before in Parquet, the last
 * day in the log. Times are milliseconds since 1970.
 */

export const MINUTE = 60_000
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

export const LAPTOP = '02:00:5e:30:00:07'
export const TV = '00:00:5e:30:00:99'
export const NAMELESS = '02:00:5e:30:00:42'
export const QUOTED = "o'brien 100%"

let flowIds = 0

export function iso(ms: number): string {
  return new Date(ms).toISOString()
}

/** A question that was answered with addresses; `more` says what is different. */
export function dns(
  ms: number,
  client: string,
  name: string,
  addresses: string[],
  more: Partial<DnsRecord> = {},
): object {
  const v6 = addresses.some((address) => address.includes(':'))
  return {
    time: iso(ms),
    clientAddress: client,
    clientPort: 40_000,
    serverAddress: client.includes(':') ? 'fd00::1' : '10.0.0.1',
    localResolver: true,
    transport: 'udp',
    messageId: 7,
    queryName: name,
    queryType: v6 ? 'AAAA' : 'A',
    queryClass: 'IN',
    responseCode: 'NOERROR',
    status: 'answered',
    answers: addresses.map((data) => ({ name, type: v6 ? 'AAAA' : 'A', ttl: 300, data })),
    responseTimeMicroseconds: 1234,
    ...more,
    // There is none without a response.
    ...(more.status === 'timeout' && { responseCode: undefined }),
  }
}

/** A connection that ended at `ms`, a second after it began; `more` says what is different. */
export function flow(
  ms: number,
  [source, destination]: readonly [string, string],
  [up, down]: readonly [number, number],
  more: Partial<FlowRecord> = {},
): FlowRecord {
  flowIds += 1
  return {
    time: iso(ms),
    flowStart: iso(ms - 1000),
    flowEnd: iso(ms),
    flowId: flowIds,
    sourceAddress: source,
    destinationAddress: destination,
    protocolIdentifier: 6,
    sourceTransportPort: 50_000,
    destinationTransportPort: 443,
    octetDeltaCount: up,
    packetDeltaCount: 4,
    reverseOctetDeltaCount: down,
    reversePacketDeltaCount: 5,
    flowEndReason: 3,
    sourceZone: 'home',
    destinationZone: 'wan',
    destinationNameStatus: 'none',
    ...more,
  }
}

/** What the client had asked for when it opened the connection. */
export function named(destinationName: string): Partial<FlowRecord> {
  return { destinationName, destinationNameStatus: 'asked' }
}

/** The while in which a device had an address. */
export function held(
  [from, until]: readonly [number, number],
  address: string,
  macAddress: string,
  more: Partial<DeviceRecord> = {},
): DeviceRecord {
  return {
    time: iso(from),
    until: iso(until),
    lastSeen: iso(until),
    open: false,
    address,
    macAddress,
    network: 'home',
    randomMac: macAddress.startsWith('02'),
    ...more,
  }
}

/** Writes it all into a data directory, which ends at `now`. */
export async function writeWatched(data: string, now: number): Promise<void> {
  const settings = makeData(data)
  const old = now - 3 * DAY
  const today = now - 2 * HOUR
  const laptop = { device: 'laptop', vendor: 'Example Computers' }
  const tv = { device: 'tv', vendor: 'Example Screens' }
  writeSegment(data, [
    frame('devices', [
      held([old - DAY, old + DAY], '10.0.0.7', LAPTOP, laptop),
      held([old - DAY, old + DAY], 'fd00::7', LAPTOP, laptop),
      held([old - HOUR, old + DAY], '10.0.0.42', NAMELESS),
    ]),
    frame('dns', [
      dns(old, '10.0.0.7', 'www.example.org', ['192.0.2.80']),
      dns(old + 1000, 'fd00::7', 'www.example.org', ['2001:db8::80']),
      dns(old + 2000, '10.0.0.42', 'notexample.org', ['192.0.2.81']),
      dns(old + 3000, '10.0.0.42', 'a_b%c.example.net', ['192.0.2.82']),
      dns(old + 4000, '10.0.0.42', "it's.example.net", ['192.0.2.83']),
    ]),
    frame('flows', [
      flow(old + 5000, ['10.0.0.7', '192.0.2.80'], [1000, 200_000], named('www.example.org')),
      flow(old + 6000, ['fd00::7', '2001:db8::80'], [500, 100_000], named('www.example.org')),
      // Another name at the same address.
      flow(old + 7000, ['10.0.0.42', '192.0.2.80'], [300, 300], named('other.example.com')),
    ]),
  ])
  await runPass(settings)
  const open = { open: true }
  const long = { flowId: 900_000, flowStart: iso(today), ...named('stream.example.com') }
  const router = { sourceZone: 'router', ...named('updates.example.net') }
  const inside = {
    destinationZone: 'guest',
    destinationNameStatus: 'local',
    destinationTransportPort: 445,
  } as const
  const forward = {
    sourceZone: 'wan',
    destinationZone: 'home',
    postNatDestinationAddress: '10.0.0.20',
    destinationTransportPort: 2222,
    postNaptDestinationTransportPort: 22,
  }
  writeSegment(data, [
    frame('devices', [
      // The laptop's first address is the television's now.
      held([now - DAY, now], '10.0.0.7', TV, { ...tv, ...open }),
      held([now - DAY, now], '10.0.0.9', LAPTOP, { ...laptop, ...open }),
      held([now - DAY, now], '10.0.0.20', '00:00:5e:30:00:20', { device: QUOTED, ...open }),
      held([now - DAY, now], '10.0.3.5', '00:00:5e:30:03:05', {
        device: 'printer',
        network: 'guest',
        ...open,
      }),
      held([now - DAY, now], 'fd00::99', TV, { ...tv, ...open }),
    ]),
    frame('dns', [
      dns(today, '10.0.0.7', 'stream.example.com', ['198.51.100.7']),
      dns(today + 1000, '10.0.0.9', 'www.example.org', ['192.0.2.80']),
      dns(today + 2000, '10.0.0.9', 'cdn.www.example.org', ['192.0.2.90'], {
        answers: [
          { name: 'cdn.www.example.org', type: 'CNAME', ttl: 60, data: 'edge.example.com' },
          { name: 'edge.example.com', type: 'A', ttl: 60, data: '192.0.2.90' },
        ],
      }),
      dns(today + 3000, '10.0.0.9', 'missing.example.org', [], { responseCode: 'NXDOMAIN' }),
      dns(today + 4000, '10.0.0.9', 'slow.example.org', [], {
        status: 'timeout',
        serverAddress: '192.0.2.53',
        localResolver: false,
      }),
      dns(today + 5000, '10.0.0.9', 'Evil\u001b[2J\u202e.example.com', ['192.0.2.66']),
      dns(now - MINUTE, '10.0.0.20', 'just.example.org', ['192.0.2.99']),
    ]),
    frame('flows', [
      flow(today + 10_000, ['10.0.0.7', '198.51.100.7'], [20_000, 900_000], { ...long, flowEndReason: 2 }),
      flow(today + HOUR, ['10.0.0.7', '198.51.100.7'], [30_000, 5_000_000], { ...long, flowEndReason: 2 }),
      flow(today + 11_000, ['10.0.0.9', '192.0.2.80'], [2000, 40_000], named('www.example.org')),
      // Without a question: to an address of www.example.org, to another, and to a resolver whose questions nobody sees.
      flow(today + 12_000, ['10.0.0.7', '192.0.2.80'], [700, 800]),
      flow(today + 13_000, ['fd00::99', '2001:db8:6::6'], [100, 50], { protocolIdentifier: 17 }),
      flow(today + 14_000, ['10.0.0.9', '192.0.2.53'], [600, 900], {
        destinationTransportPort: 853,
        applicationName: 'encrypted-dns',
      }),
      flow(today + 15_000, ['10.0.0.9', '10.0.3.5'], [3000, 1000], inside),
      flow(today + 16_000, ['203.0.113.9', '203.0.113.2'], [250, 4000], forward),
      flow(today + 17_000, ['203.0.113.2', '192.0.2.200'], [10, 60_000], router),
      flow(today + 18_000, ['10.0.0.66', '192.0.2.67'], [5, 6]),
    ]),
  ])
}

// For a look at the screens: node tests/watched-records.ts DIRECTORY
const [, script, directory] = process.argv
if (script === import.meta.filename && directory !== undefined) {
  await writeWatched(directory, Date.now())
  writeFileSync(`${directory}/made`, '')
}
