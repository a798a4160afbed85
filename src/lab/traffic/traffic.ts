import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { withFileLock } from '../../lib/file-lock.ts'
import type { Host, Running } from '../host.ts'
import type { Lab } from '../lab.ts'
import { isAlive } from '../process-id.ts'
import { plugDevices, unplugDevices } from './devices.ts'
import { DEVICES, type DeviceName, nextDeed } from './habits.ts'
import { Random } from './random.ts'

export interface TrafficOptions {
  /** Each device does one thing and that is all. */
  readonly once: boolean
  /** Ends it. */
  readonly signal: AbortSignal
  readonly say: (line: string) => void
  /** The same seed, the same household. */
  readonly seed?: number
}

/** How often a line is printed, in milliseconds. */
const LINE_MS = 5000

/** Lets a household live in the lab until it is told to stop; what it plugged in is gone when this resolves. */
export async function traffic(lab: Lab, { once, signal, say, seed = 1 }: TrafficOptions): Promise<void> {
  const lock = join(lab.places.run, 'traffic.lock')
  await withFileLock(lock, () => live(lab, { once, signal, say, seed }), {
    onWait: () => say('waits for another traffic of this lab to end'),
  })
}

async function live(lab: Lab, { once, signal, say, seed }: Required<TrafficOptions>): Promise<void> {
  say('plugs in a TV, a camera and a sensor')
  const running = new Set<Running>()
  signal.addEventListener('abort', () => {
    for (const one of running) void one.stop()
  })
  try {
    const extra = await plugDevices(lab)
    const hosts: Readonly<Record<DeviceName, Host>> = {
      laptop: lab.laptop,
      phone: lab.phone,
      guest1: lab.guest1,
      ...extra,
    }
    await Promise.all(Object.values(extra).map((host) => leased(host, signal)))
    say(`lives: ${DEVICES.join(', ')}`)
    let lineAt = 0
    let deeds = 0
    await Promise.all(
      DEVICES.map(async (name, i) => {
        const random = new Random(seed * 1000 + i + 1)
        while (!signal.aborted && isAlive(lab.state.root)) {
          const { says, argv, restSecs } = nextDeed(name, random)
          deeds += 1
          if (once || Date.now() >= lineAt) {
            say(`${name} ${says} (${deeds})`)
            lineAt = Date.now() + LINE_MS
          }
          // What fails belongs to life as well: a name that is not there, a server that is away.
          const command = hosts[name].spawn(argv)
          running.add(command)
          await command.done
          running.delete(command)
          if (once) return
          await sleep(restSecs * 1000, undefined, { signal }).catch(() => undefined)
        }
      }),
    )
  } finally {
    if (isAlive(lab.state.root)) await unplugDevices(lab)
  }
}

async function leased(host: Host, signal: AbortSignal): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end && !signal.aborted; await sleep(250)) {
    const { stdout } = await host.exec([
      'ip',
      '-4',
      '-brief',
      'address',
      'show',
      'dev',
      'eth0',
      'scope',
      'global',
    ])
    if (stdout.includes('/')) return
  }
  if (!signal.aborted)
    throw new Error(`${host.name} got no lease. Fix: sekisho lab exec router -- sekisho status`)
}
