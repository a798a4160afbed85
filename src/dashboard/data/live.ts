import { setTimeout as sleep } from 'node:timers/promises'
import type { DevicesState } from '../../recorder/devices/state.ts'
import { Tail } from '../../recorder/query/tail.ts'
import type { LiveEvent } from '../dashboard-data.ts'
import type { HolderAt } from './holders.ts'
import { Listener } from './listener.ts'
import { LiveConnections, type LiveFlow } from './live-rates.ts'
import { liveConnection, liveQuestion } from './live-rows.ts'

export interface LiveOptions {
  /** The recorder's data directory. */
  readonly data: string
  /** This router's addresses. */
  readonly own: readonly string[]
  readonly devices: () => Promise<DevicesState>
  readonly wan: () => Promise<{ readonly ipv4: 'up' | 'down'; readonly ipv6: 'up' | 'down' } | undefined>
  /** What is open now. */
  readonly connections: () => Promise<readonly LiveFlow[]>
}

const TICK_MS = 1000
/** How often it is looked who has which address. */
const HOLDERS_TICKS = 15
/** Of each kind, a second: nobody reads more. The lists have them all. */
const MOST_ROWS = 100
/** Lines of the log that are looked at in a second. */
const MOST_LINES = 5000

/** Tells everybody who listens what happens. Nothing is done while nobody does. */
export class Live {
  readonly #options: LiveOptions
  readonly #listeners = new Set<Listener>()
  #running: Promise<void> | undefined
  #wan = ''

  constructor(options: LiveOptions) {
    this.#options = options
  }

  async *listen(signal: AbortSignal): AsyncGenerator<LiveEvent, void, void> {
    if (signal.aborted) return
    const listener = new Listener()
    const end = (): void => listener.end()
    signal.addEventListener('abort', end, { once: true })
    this.#listeners.add(listener)
    // Who comes later is told of the WAN too.
    this.#wan = ''
    this.#start()
    try {
      yield* listener.events()
    } finally {
      signal.removeEventListener('abort', end)
      this.#listeners.delete(listener)
    }
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      // Somebody came when it was about to end.
      if (this.#listeners.size > 0) this.#start()
    })
  }

  /** Ends all listeners, and what is done for them. */
  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.end()
    this.#listeners.clear()
    await this.#running
  }

  async #run(): Promise<void> {
    const { data, own } = this.#options
    const tails = { dns: new Tail(data, 'dns'), flows: new Tail(data, 'flows') }
    const rates = new LiveConnections()
    try {
      for (const tail of Object.values(tails)) await tail.skipAll()
      let holderAt = await this.#holders()
      for (let tick = 1; this.#listeners.size > 0; tick++) {
        const began = performance.now()
        if (tick % HOLDERS_TICKS === 0) holderAt = await this.#holders()
        for (const line of await newLines(tails.dns)) {
          const row = liveQuestion(line, holderAt, own)
          if (row) this.#tell({ event: 'question', data: row })
        }
        for (const line of await newLines(tails.flows)) {
          const row = liveConnection(line, holderAt)
          if (row) this.#tell({ event: 'connection', data: row })
        }
        await this.#tellWan()
        const flows = await this.#options.connections().catch(() => undefined)
        const moved = flows && rates.take(flows, Date.now())
        if (moved) this.#tell({ event: 'rates', data: moved })
        await sleep(Math.max(100, TICK_MS - (performance.now() - began)))
      }
    } catch {
      // The log cannot be read: whoever listens hears of nothing, and asks again.
      for (const listener of this.#listeners) listener.end()
      this.#listeners.clear()
    } finally {
      for (const tail of Object.values(tails)) tail.close()
    }
  }

  async #tellWan(): Promise<void> {
    const wan = await this.#options.wan()
    if (!wan || this.#wan === JSON.stringify(wan)) return
    this.#wan = JSON.stringify(wan)
    this.#tell({ event: 'wan', data: wan })
  }

  #tell(event: LiveEvent): void {
    for (const listener of this.#listeners) listener.take(event)
  }

  async #holders(): Promise<HolderAt> {
    const { open, known } = await this.#options.devices()
    const holders = new Map(
      [...open.values()].map(({ address, macAddress, device }) => {
        const name = known.get(macAddress)?.device ?? device
        return [address, { macAddress, ...(name !== undefined && { name }) }] as const
      }),
    )
    return (address) => holders.get(address)
  }
}

/** The lines that came to the log, the latest of them when there are very many. */
async function newLines(tail: Tail): Promise<string[]> {
  const { lines } = await tail.lines()
  const all = lines.toString().split('\n', MOST_LINES + 1)
  return all.filter((line) => line !== '').slice(-MOST_ROWS)
}
