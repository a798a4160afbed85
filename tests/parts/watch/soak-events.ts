import { WatchEvents } from '../../../src/watch/events.ts'
import { below, HOUR_MS, type Mark, mark, type Soaked, START_MS, uniform } from './soak-day.ts'

/* A day of what events are made of: devices that do it now and then, some that never stop, and floods of addresses. */

/** Addresses of the network, of which more are made up in a flood. */
const DEVICES = 40

export function soakEvents(calls: number): Soaked {
  const random = uniform(11)
  let told = 0
  let heldBack = 0
  let bytes = 0
  const events = new WatchEvents({
    emit: (_, line) => {
      const { record } = JSON.parse(line) as { record: Record<string, unknown> }
      // What tells of nothing but what was held back has nothing of its own.
      if (record.status !== undefined || record.protocolIdentifier !== undefined) told += 1
      heldBack += Number(record.heldBack ?? 0)
      bytes += line.length
    },
    isOwnClient: (address) => address.startsWith('10.0.') || address.startsWith('fd00:'),
    isKnown: (address) => address === '192.0.2.1',
  })
  const marks: Mark[] = []
  const step = (24 * HOUR_MS) / calls
  let due = 0
  let ticked = 0
  for (let i = 0; i < calls; i++) {
    const timeMs = Math.floor(START_MS + i * step)
    if (timeMs - ticked >= 1000) {
      events.tick(timeMs)
      ticked = timeMs
    }
    // A client in ten has an address that is never seen again.
    const client =
      random() < 0.1
        ? `fd00::${below(random, 2 ** 16).toString(16)}:${below(random, 2 ** 16).toString(16)}`
        : `10.0.0.${below(random, DEVICES)}`
    const other =
      random() < 0.5
        ? `198.51.100.${below(random, 200)}`
        : `203.${below(random, 256)}.${below(random, 256)}.7`
    // What is as it should be is no event.
    const fine = random() < 0.2
    if (!fine) due += 1
    if (random() < 0.5) {
      events.dns({
        timeMs,
        client,
        server: other,
        local: fine,
        name: `n${i}.example.org`,
        status: 'answered',
      })
    } else {
      events.flow({
        timeMs,
        client,
        destination: other,
        port: 443,
        protocol: 6,
        status: fine ? 'asked' : 'none',
        destinationZone: 'wan',
      })
    }
    const hours = ((i + 1) * step) / HOUR_MS
    if (hours >= (marks.length + 1) * 6 - step / HOUR_MS / 2) marks.push(mark((marks.length + 1) * 6, i + 1))
  }
  events.end()
  return {
    marks,
    counts: { toldOrHeldBackOrRefused: told + heldBack + events.refused },
    expected: { toldOrHeldBackOrRefused: due },
    seen: { told, heldBack, refused: events.refused, bytes },
  }
}
