import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { Requests } from '../../lib/requests.ts'
import { AnswersListener } from '../answers.ts'
import { Delivery } from '../deliver.ts'
import { WatchEvents } from '../events.ts'
import { heartbeatLine } from '../heartbeat.ts'
import { parseWatchSettings } from '../settings.ts'
import { STATUS_MS, writeStatus } from '../status.ts'
import { conntrackFigures, missingSettings } from './conntrack-figures.ts'
import { Destinations } from './destinations.ts'
import { DeviceOf } from './device-of.ts'
import { END_REASON, type FlowPart } from './flow-table.ts'
import { FlowWatcher } from './flow-watcher.ts'
import { IpfixExport } from './ipfix-export.ts'
import { Names } from './names.ts'
import { placesOf } from './zones.ts'

/*
 * The flow watcher: `main.ts SETTINGS.json`, with CAP_NET_ADMIN and no other capability. It writes a line of JSON to its
 * standard output each second as a sign of life; start.ts ends it when they stop.
 */

const MiB = 1024 * 1024
/** Records that wait for the recorder: some 60,000 connections. */
const PENDING_BYTES = 32 * MiB
const HEARTBEAT_MS = 1000
const REFRESH_MS = 2000
/** For the recorder to store what somebody asks for. */
const ASKED_MS = 2000
/** Clients go on with names that they asked for before this started: until then "none" says little. */
const SETTLE_MS = 60_000
const NO_NETWORK: readonly (string | undefined)[] = ['wan', 'router', 'containers', undefined]

const [settingsPath, receiveBytes] = process.argv.slice(2)
if (settingsPath === undefined) throw new Error('usage: main.ts SETTINGS.json [BYTES]')
await main(settingsPath, receiveBytes === undefined ? undefined : Number(receiveBytes))

/** `receiveBytes` is the size of the socket's buffer, which tests make small. */
async function main(path: string, receiveBytes: number | undefined): Promise<void> {
  const settings = parseWatchSettings(await readFile(path, 'utf8'))
  const started = Date.now()
  const since = new Date(started).toISOString()
  for (const name of missingSettings()) say(`net.netfilter.${name} is 0, so that records are not exact`)

  const devices = new DeviceOf()
  const names = new Names({ ownerOf: (address) => devices.find(address) })
  const answers = await AnswersListener.start(settings.answersSocket, (answer) => names.add(answer))
  const delivery = new Delivery(settings.recorderSocket, { maxBytes: PENDING_BYTES })
  const { ipfix } = settings.flows
  const exported = ipfix && new IpfixExport(ipfix)
  const places = (): ReturnType<typeof placesOf> =>
    placesOf({
      networks: settings.networks,
      wanDevice: settings.wan.device,
      interfaces: networkInterfaces(),
    })
  let placeOf = places()
  const events = new WatchEvents({
    emit: (epochMs, line) => {
      delivery.offer('events', epochMs, line)
    },
    isOwnClient: (address) => !NO_NETWORK.includes(placeOf(address).zone),
  })
  const watcher = FlowWatcher.start({
    activeTimeoutMs: settings.flows.activeTimeoutSecs * 1000,
    statePath: join(settings.statusDirectory, 'flows-state.json'),
    destinations: new Destinations(names, started),
    placeOf: (address) => placeOf(address),
    take: (record, part, { destination, name }) => {
      delivery.offer('flows', Date.now(), JSON.stringify(record))
      exported?.add(record)
      if (!isFirst(part)) return
      const { original } = part.conntrack
      const timeMs = Math.floor(part.startMicros / 1000)
      if (timeMs < started + SETTLE_MS && answers.received === 0) return
      events.flow({
        timeMs,
        client: original.source,
        destination: original.destination,
        port: original.destinationPort,
        protocol: original.protocol,
        status: name.status,
        destinationZone: destination.zone,
      })
    },
    sendSoon: () => delivery.flush(),
    say,
    ...(receiveBytes !== undefined && { receiveBytes }),
  })

  const refresh = async (): Promise<void> => {
    placeOf = places()
    await devices.refresh().catch((error: unknown) => say(`neighbours: ${String(error)}`))
  }
  // `sekisho who`, and others who ask: what is open is recorded first.
  const requests = await Requests.start(join(settings.statusDirectory, 'flows.sock'), async () => {
    // A device may have taken another address a moment ago.
    await refresh()
    await watcher.recordNow()
    await delivery.settled(ASKED_MS)
  })

  const report = (): Promise<void> => {
    const { received, stored, dropped } = delivery.counts
    return writeStatus(settings.statusDirectory, 'flows', {
      version: 1,
      since,
      time: new Date().toISOString(),
      state: watcher.state,
      received,
      stored,
      dropped,
      recorder: delivery.connected,
      ...watcher.counts(),
      conntrack: conntrackFigures(),
      answers: {
        received: answers.received,
        malformed: answers.malformed,
        known: names.size,
        evicted: names.evicted,
      },
      ...(exported && { ipfixDropped: exported.dropped }),
      eventsRefused: events.refused,
    })
  }
  const heartbeat = (): void => {
    const { events: taken = 0, gaps = 0, undrainedMs } = watcher.counts()
    process.stdout.write(heartbeatLine(taken, gaps, undrainedMs))
  }
  await refresh()
  await report()
  heartbeat()
  const timers = [
    setInterval(heartbeat, HEARTBEAT_MS),
    setInterval(() => void report(), STATUS_MS),
    setInterval(() => void refresh(), REFRESH_MS),
    setInterval(() => events.tick(Date.now()), REFRESH_MS),
  ]

  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    for (const timer of timers) clearInterval(timer)
    requests.stop()
    await watcher.stop()
    await exported?.stop()
    await answers.stop()
    events.end()
    await delivery.stop()
    await report()
    devices.close()
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop())
}

/** A connection is told of once: with its end, or with the first part of a long one. */
function isFirst({ conntrack, delta, endReason }: FlowPart): boolean {
  if (conntrack.counts === undefined) return endReason !== END_REASON.active
  return conntrack.counts.originalPackets === delta.originalPackets
}

function say(message: string): void {
  process.stderr.write(`flows: ${message}\n`)
}
