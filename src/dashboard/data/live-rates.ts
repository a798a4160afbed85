import type { LiveEvents, OpenConnection } from '../api.ts'
import { cutName } from './cut.ts'

export type LiveFlow = OpenConnection
type Rates = LiveEvents['rates']

interface Counted {
  readonly down: number
  readonly up: number
  readonly startMs: number | undefined
}

/** The longest time between two looks that a rate is made of. */
const MOST_MS = 10_000
const MOST_DEVICES = 500

/** Makes rates of what open connections have counted at two looks. */
export class LiveConnections {
  #before: ReadonlyMap<string, Counted> = new Map()
  #beforeMs = Number.NEGATIVE_INFINITY

  /** Bytes per second since the last look; undefined at the first. */
  take(flows: readonly LiveFlow[], timeMs: number): Rates | undefined {
    const seconds = (timeMs - this.#beforeMs) / 1000
    const before = this.#before
    const now = new Map<string, Counted>()
    const devices = new Map<string, { name: string; down: number; up: number }>()
    let [allDown, allUp] = [0, 0]
    for (const flow of flows) {
      const key = keyOf(flow)
      now.set(key, { down: flow.down, up: flow.up, startMs: flow.startMs })
      const old = before.get(key)
      // Ports are used anew.
      const same = old?.startMs === flow.startMs ? old : undefined
      const down = moved(flow.down, same?.down, flow.startMs, this.#beforeMs)
      const up = moved(flow.up, same?.up, flow.startMs, this.#beforeMs)
      allDown += down
      allUp += up
      if (flow.deviceId === undefined || down + up === 0) continue
      const device = devices.get(flow.deviceId) ?? { name: flow.device ?? flow.deviceId, down: 0, up: 0 }
      device.down += down
      device.up += up
      devices.set(flow.deviceId, device)
    }
    this.#before = now
    this.#beforeMs = timeMs
    if (seconds <= 0 || seconds > MOST_MS / 1000) return undefined
    const perSecond = (bytes: number): number => Math.round(bytes / seconds)
    return {
      timeMs,
      down: perSecond(allDown),
      up: perSecond(allUp),
      devices: [...devices]
        .map(([deviceId, { name, down, up }]) => ({
          deviceId,
          name: cutName(name),
          down: perSecond(down),
          up: perSecond(up),
        }))
        .toSorted((a, b) => b.down + b.up - (a.down + a.up))
        .slice(0, MOST_DEVICES),
    }
  }
}

/** What a connection moved since the last look: all of it when it is newer than that. */
function moved(
  now: number,
  before: number | undefined,
  startMs: number | undefined,
  lookedMs: number,
): number {
  if (before !== undefined) return Math.max(0, now - before)
  return startMs !== undefined && startMs >= lookedMs ? now : 0
}

function keyOf({ protocol, source, sourcePort, destination, destinationPort }: LiveFlow): string {
  return `${protocol} ${source} ${sourcePort} ${destination} ${destinationPort}`
}
