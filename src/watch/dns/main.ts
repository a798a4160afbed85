import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Requests } from '../../lib/requests.ts'
import { AnswersSender } from '../answers.ts'
import { PacketReader } from '../capture/reader.ts'
import { PacketRing } from '../capture/ring.ts'
import { sourceAddress } from '../capture/source-address.ts'
import { Delivery } from '../deliver.ts'
import { WatchEvents } from '../events.ts'
import { heartbeatLine } from '../heartbeat.ts'
import { OwnAddresses } from '../own-addresses.ts'
import { parseWatchSettings } from '../settings.ts'
import { STATUS_MS, writeStatus } from '../status.ts'
import { DnsTransactions } from './transactions.ts'

/*
 * The DNS watcher: `main.ts SETTINGS.json`, with a socket of openCapture for each network of the settings, in their order,
 * as descriptors 3, 4, … start.ts calls it without any capability.
 */

const FIRST_FD = 3
const MiB = 1024 * 1024
/** Of all rings together, and of each: 16 MiB are most of a second of 80,000 messages a second. */
const RINGS_BYTES = 64 * MiB
const RING_BYTES = 16 * MiB
const MIN_RING_BYTES = 2 * MiB
/** Records that wait for the recorder: a minute of a restart, at 2,000 transactions a second. */
const PENDING_BYTES = 32 * MiB
const HEARTBEAT_MS = 1000
/** For what is in the rings to be read, and then for the recorder to store it, when somebody asks. */
const READ_MS = 150
const ASKED_MS = 2000
/** LINKTYPE_ETHERNET: networks are Ethernet devices, VLANs and bridges of them. */
const ETHERNET = 1

const [settingsPath] = process.argv.slice(2)
if (settingsPath === undefined) throw new Error('usage: main.ts SETTINGS.json')
await main(settingsPath)

async function main(path: string): Promise<void> {
  const settings = parseWatchSettings(await readFile(path, 'utf8'))
  const devices = settings.networks.map(({ device }) => device)
  const each = Math.max(MIN_RING_BYTES, Math.min(RING_BYTES, RINGS_BYTES / Math.max(1, devices.length)))
  const rings = devices.map((device, i) => new PacketRing(FIRST_FD + i, device, each))
  const own = new OwnAddresses()
  const delivery = new Delivery(settings.recorderSocket, { maxBytes: PENDING_BYTES })
  const answers = new AnswersSender(settings.answersSocket)
  const events = new WatchEvents({
    emit: (epochMs, line) => {
      delivery.offer('events', epochMs, line)
    },
    isOwnClient: (address) => !own.isLocal(address) && devices.some((device) => own.isOf(device, address)),
  })
  const transactions = new DnsTransactions({
    emit: (line, view) => {
      delivery.offer('dns', view.timeMs, line)
      events.dns(view)
      const { timeMs, client, name, addresses, status } = view
      // What nobody asked for, anybody may have sent.
      if (status === 'answered' && name !== undefined && addresses.length > 0)
        answers.send({ timeMs, client, name, addresses })
    },
    isLocal: (address) => own.isLocal(address),
    timeoutMs: settings.dns.timeoutSecs * 1000,
  })
  // `sekisho who`, and others who ask: what was seen is recorded first.
  const requests = await Requests.start(join(settings.statusDirectory, 'dns.sock'), async () => {
    await sleep(READ_MS)
    await delivery.settled(ASKED_MS)
  })
  let echoes = 0
  const reader = new PacketReader(rings, {
    take: (bytes, micros, outgoing, device) => {
      // What goes from one network to another was seen when it came in.
      if (outgoing && cameInElsewhere(bytes, device, devices, own)) echoes += 1
      else transactions.packet(bytes, ETHERNET, micros, device)
    },
    passed: (micros) => transactions.tick(micros),
  })

  const since = new Date().toISOString()
  const report = (): Promise<void> => {
    const { received, stored, dropped } = delivery.counts
    const { malformed, timeouts } = transactions.counts
    const interfaces = rings.map((ring) => [ring.device, { bound: ring.bound, ...ring.counts() }] as const)
    return writeStatus(settings.statusDirectory, 'dns', {
      version: 1,
      since,
      time: new Date().toISOString(),
      state: reader.state,
      received,
      stored,
      dropped,
      malformed,
      timeouts,
      kernelDrops: interfaces.reduce((sum, [, { kernelDrops }]) => sum + kernelDrops, 0),
      echoes,
      answersDropped: answers.dropped,
      eventsRefused: events.refused,
      recorder: delivery.connected,
      transactions: transactions.counts,
      interfaces: Object.fromEntries(interfaces),
    })
  }
  await report()
  const timers = [
    setInterval(() => void report(), STATUS_MS),
    setInterval(() => {
      events.tick(Date.now())
      if (reader.state === 'up') process.stdout.write(heartbeatLine(delivery.counts.received, 0))
    }, HEARTBEAT_MS),
  ]

  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    for (const timer of timers) clearInterval(timer)
    requests.stop()
    await reader.stop()
    transactions.end()
    events.end()
    answers.stop()
    await delivery.stop()
    await report()
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop())
}

function cameInElsewhere(
  frame: Buffer,
  device: string,
  devices: readonly string[],
  own: OwnAddresses,
): boolean {
  const source = sourceAddress(frame)
  if (source === undefined || own.isLocal(source)) return false
  return devices.some((other) => other !== device && own.isOf(other, source))
}
