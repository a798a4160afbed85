import { readFile } from 'node:fs/promises'
import { zeroCounts } from './counters.ts'
import { describe, log } from './log.ts'
import { NetlinkSocket } from './netlink/socket.ts'
import { parseSettings, type Settings } from './settings.ts'
import { DockerSource } from './sources/docker/listen.ts'
import { DropsSource } from './sources/drops/listen.ts'
import { ForwardSource } from './sources/forward/listen.ts'
import type { Source } from './sources/source.ts'
import { SyslogSource } from './sources/syslog/listen.ts'
import { sourceStatus, writeStatus } from './status.ts'
import { Wal } from './wal/wal.ts'

/*
 * The recorder: `main.ts SETTINGS.json NFLOG`, where NFLOG is the descriptor of an open NFLOG socket, or why there
 * is none. start.ts calls it without any capability.
 */

const STATUS_MS = 5000
const MIN_SEGMENT_BYTES = 1024 * 1024
const MAX_SEGMENT_BYTES = 32 * 1024 * 1024

async function main(settingsPath: string, nflog: string): Promise<void> {
  const settings = parseSettings(await readFile(settingsPath, 'utf8'))
  const wal = await Wal.open({ data: settings.data, ...walLimits(settings.maxBytes) })
  const { segments, frames } = wal.recovered
  log('start', `log: read ${frames} frames of ${segments} segments`)
  // Drops first: the kernel does not wait.
  const sources: Source[] = [
    await startDrops(nflog, wal),
    await SyslogSource.start(settings.syslog.address, settings.syslog.port, wal),
    await ForwardSource.start(settings.forward, wal),
    await DockerSource.start(settings.dockerContainers, wal),
  ]
  const since = new Date().toISOString()
  const report = (): Promise<void> => reportStatus(settings, wal, sources, since)
  await report()
  // Soon once more: a source is up when it has looked around for the first time.
  setTimeout(() => void report(), 500).unref()
  const timer = setInterval(() => void report(), STATUS_MS)

  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    clearInterval(timer)
    await Promise.all(sources.map((source) => source.stop()))
    const stored = await wal.close()
    await report()
    // A pending poll(2) would hold the exit for its timeout, nothing is lost by leaving now.
    process.exit(stored ? 0 : 1)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void stop())
}

/** Half of what all records may take is the log's, for the time in which nothing can be converted. */
function walLimits(maxBytes: number): { readonly maxBytes: number; readonly segmentBytes: number } {
  const segmentBytes = Math.min(MAX_SEGMENT_BYTES, Math.max(MIN_SEGMENT_BYTES, Math.floor(maxBytes / 16)))
  return { maxBytes: maxBytes / 2, segmentBytes }
}

async function startDrops(nflog: string, wal: Wal): Promise<Source> {
  if (/^\d+$/.test(nflog)) return DropsSource.start(new NetlinkSocket(Number(nflog)), wal)
  log('drops', `drops: ${nflog}`)
  return {
    name: 'drops',
    counts: zeroCounts(),
    state: () => nflog,
    details: () => ({}),
    stop: () => Promise.resolve(),
  }
}

async function reportStatus(
  settings: Settings,
  wal: Wal,
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
      sources: Object.fromEntries(sources.map((source) => [source.name, sourceStatus(source)])),
    })
  } catch (error) {
    log('status', `cannot write ${settings.status}: ${describe(error)}`)
  }
}

const [settingsPath, nflog] = process.argv.slice(2)
if (settingsPath === undefined || nflog === undefined) throw new Error('usage: main.ts SETTINGS.json NFLOG')
await main(settingsPath, nflog)
