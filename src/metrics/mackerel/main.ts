import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { writeFileAtomic } from '../../recorder/atomic-file.ts'
import { describe, log } from '../../recorder/log.ts'
import { type Readings, takeReadings } from '../readings.ts'
import { MackerelApi } from './api.ts'
import { customMetrics } from './custom-metrics.ts'
import { hostMetrics } from './host-metrics.ts'
import { Poster } from './poster.ts'
import { type MackerelSettings, parseMackerelSettings } from './settings.ts'
import { Spool } from './spool.ts'

/*
 * The container's program: `main.ts SETTINGS.json` posts the router's metrics each minute until it is told to stop. It has
 * no capability, and reads status files and /proc, never a packet or a name that a client chose.
 */

const STATUS_MS = 5000
/** Between the first two looks: rates need two. */
const FIRST_LOOK_MS = 1000
const EARLY_MS = 50
/** A clock that is behind was never set; Mackerel would not keep its points. */
const EARLIEST = Date.UTC(2026, 0, 1)

const [settingsPath] = process.argv.slice(2)
if (settingsPath === undefined) throw new Error('usage: main.ts SETTINGS.json')
await main(parseMackerelSettings(await readFile(settingsPath, 'utf8')))

async function main(settings: MackerelSettings): Promise<void> {
  const since = new Date().toISOString()
  const stop = new AbortController()
  const spool = await Spool.open(join(settings.data, 'spool'))
  const api = new MackerelApi(settings.apiUrl, settings.apiKeyFile)
  const poster = new Poster(api, settings, spool, () => tell())
  const report = (): Promise<void> => {
    const status = { version: 1, since, time: new Date().toISOString(), ...poster.status() }
    return writeFileAtomic(settings.status, `${JSON.stringify(status)}\n`, { durable: false }).catch(
      (error: unknown) => log('status', `cannot write the status: ${describe(error)}`),
    )
  }
  // One after the other: they share a temporary file.
  let writing = report()
  const tell = (): void => {
    writing = writing.then(report)
  }
  const timer = setInterval(tell, STATUS_MS)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort())

  poster.poke()
  let before = await takeReadings(settings)
  await pause(FIRST_LOOK_MS, stop.signal)
  while (!stop.signal.aborted) {
    const now = await takeReadings(settings)
    if (now.time >= EARLIEST) {
      await spool.add({ time: Math.floor(now.time / 1000), values: valuesOf(before, now) })
      poster.poke()
    }
    before = now
    await pause(untilNext(settings.intervalSecs, Date.now()), stop.signal)
  }
  clearInterval(timer)
  await poster.stop()
  await writing
  process.exit(0)

  function valuesOf(old: Readings, now: Readings): Record<string, number> {
    return {
      ...(settings.hostMetrics && hostMetrics(old, now)),
      ...customMetrics(old, now, settings, poster.status()),
    }
  }
}

/** Milliseconds until the clock shows the next whole interval: minutes, as Mackerel keeps them. A timer may be early. */
function untilNext(intervalSecs: number, now: number): number {
  const interval = intervalSecs * 1000
  return interval - (now % interval) + EARLY_MS
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined)
}
