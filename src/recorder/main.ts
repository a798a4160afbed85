import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Requests } from '../lib/requests.ts'
import { ArchiveSupervisor } from './archive/supervisor.ts'
import { zeroCounts } from './counters.ts'
import { DevicesSource } from './devices/listen.ts'
import { ForwardSupervisor } from './forward-to/supervisor.ts'
import { stateDirectory } from './layout.ts'
import { describe, log } from './log.ts'
import { closeOnExec } from './netlink/libc.ts'
import { NetlinkSocket } from './netlink/socket.ts'
import { parseSettings, type Settings } from './settings.ts'
import { DockerSource } from './sources/docker/listen.ts'
import { DropsSource } from './sources/drops/listen.ts'
import { ForwardSource } from './sources/forward/listen.ts'
import { NetflowSource } from './sources/netflow/listen.ts'
import { openUdp, type UdpDescriptors } from './sources/open-udp.ts'
import type { Source } from './sources/source.ts'
import { SyslogSource } from './sources/syslog/listen.ts'
import { UdpSocket } from './sources/udp-socket.ts'
import { WatchSource } from './sources/watch/listen.ts'
import { sourceStatus, writeStatus } from './status.ts'
import { Wal } from './wal/wal.ts'

/*
 * The recorder: `main.ts SETTINGS.json NFLOG UDP`, where NFLOG is the descriptor of an open NFLOG socket, or why there
 * is none, and UDP those of open UDP sockets as JSON (UdpDescriptors). start.ts calls it without any capability.
 */

const STATUS_MS = 5000
const MIN_SEGMENT_BYTES = 1024 * 1024
const MAX_SEGMENT_BYTES = 32 * 1024 * 1024

async function main(settingsPath: string, nflog: string, udp: UdpDescriptors): Promise<void> {
  const settings = parseSettings(await readFile(settingsPath, 'utf8'))
  const wal = await Wal.open({
    data: settings.data,
    forwards: settings.forwardTo.length > 0,
    ...walLimits(settings.maxBytes),
  })
  const { segments, frames } = wal.recovered
  log('start', `log: read ${frames} frames of ${segments} segments`)
  // Drops first: the kernel does not wait.
  const drops = await startDrops(nflog, wal)
  const devices = await DevicesSource.start(
    { ...settings.devices, state: join(stateDirectory(settings.data), 'devices.json') },
    wal,
  )
  const sources: Source[] = [
    drops,
    await SyslogSource.start(
      settings.syslog.address,
      settings.syslog.port,
      udpSocket('syslog', settings, udp),
      wal,
    ),
    startNetflow(settings, udp, wal),
    await ForwardSource.start(settings.forward, wal),
    await startWatch(settings, wal),
    await DockerSource.start(settings.dockerContainers, wal),
    devices,
  ]
  // `sekisho who`, and others who ask: what is known so far is on record first.
  const requests = await Requests.start(join(dirname(settings.status), 'recorder.sock'), async () => {
    await Promise.all([devices.lookNow(), wal.flush()])
  }).catch((error: unknown) => log('requests', `requests: ${describe(error)}`))
  const archive = await ArchiveSupervisor.start({ settingsPath, data: settings.data })
  const forwards = await ForwardSupervisor.start({
    settingsPath,
    data: settings.data,
    targets: settings.forwardTo,
    end: () => wal.end,
  })
  const since = new Date().toISOString()
  const report = (): Promise<void> => reportStatus(settings, wal, { archive, forwards }, sources, since)
  await report()
  // Soon once more: a source is up when it has looked around for the first time.
  setTimeout(() => void report(), 500).unref()
  const timer = setInterval(() => void report(), STATUS_MS)

  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    clearInterval(timer)
    requests?.stop()
    await archive.stop()
    await Promise.all(sources.map((source) => source.stop()))
    const stored = await wal.close()
    await forwards.stop()
    await report()
    // A pending poll(2) would hold the exit for its timeout, nothing is lost by leaving now.
    process.exit(stored ? 0 : 1)
  }
  // `sekisho archive now`: what is here is converted at once.
  process.on('SIGHUP', () => {
    wal.rotate().then(
      () => archive.runSoon(),
      (error: unknown) => log('rotate', `log: cannot end the segment: ${describe(error)}`),
    )
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop())
}

/** Half of what all records may take is the log's, for the time in which nothing can be converted. */
function walLimits(maxBytes: number): { readonly maxBytes: number; readonly segmentBytes: number } {
  const segmentBytes = Math.min(MAX_SEGMENT_BYTES, Math.max(MIN_SEGMENT_BYTES, Math.floor(maxBytes / 16)))
  return { maxBytes: maxBytes / 2, segmentBytes }
}

async function startDrops(nflog: string, wal: Wal): Promise<Source> {
  if (!/^\d+$/.test(nflog)) return absent('drops', nflog)
  // The archive's process may outlive this one, and must not hold what its successor opens.
  closeOnExec(Number(nflog))
  return DropsSource.start(new NetlinkSocket(Number(nflog)), wal)
}

function startNetflow(settings: Settings, udp: UdpDescriptors, wal: Wal): Source {
  try {
    return NetflowSource.start(udpSocket('netflow', settings, udp), wal)
  } catch (error) {
    return absent('netflow', describe(error))
  }
}

async function startWatch(settings: Settings, wal: Wal): Promise<Source> {
  try {
    return await WatchSource.start(settings.watchSocket, wal)
  } catch (error) {
    return absent('watch', describe(error))
  }
}

function udpSocket(name: keyof UdpDescriptors, settings: Settings, open: UdpDescriptors): UdpSocket {
  const fd = open[name]
  const socket = fd === undefined ? openUdp(name, settings) : new UdpSocket(fd)
  closeOnExec(socket.fd)
  return socket
}

/** In the place of a source that could not be started, and says why. */
function absent(name: string, reason: string): Source {
  log(name, `${name}: ${reason}`)
  return {
    name,
    counts: zeroCounts(),
    state: () => reason,
    details: () => ({}),
    stop: () => Promise.resolve(),
  }
}

async function reportStatus(
  settings: Settings,
  wal: Wal,
  { archive, forwards }: { readonly archive: ArchiveSupervisor; readonly forwards: ForwardSupervisor },
  sources: readonly Source[],
  since: string,
): Promise<void> {
  try {
    await writeStatus(settings.status, {
      version: 1,
      since,
      time: new Date().toISOString(),
      ...(wal.error !== undefined && { storeError: wal.error }),
      log: await wal.status(),
      archive: archive.status(),
      ...(settings.forwardTo.length > 0 && { forwardTo: forwards.status() }),
      sources: Object.fromEntries(sources.map((source) => [source.name, sourceStatus(source)])),
    })
  } catch (error) {
    log('status', `cannot write ${settings.status}: ${describe(error)}`)
  }
}

const [settingsPath, nflog, udp = '{}'] = process.argv.slice(2)
if (settingsPath === undefined || nflog === undefined)
  throw new Error('usage: main.ts SETTINGS.json NFLOG [UDP]')
await main(settingsPath, nflog, JSON.parse(udp) as UdpDescriptors)
