import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { type DevicesState, NOTHING, parseState } from '../../recorder/devices/state.ts'

/*
 * What the router's processes write of themselves below /run/sekisho. A file may be missing, of another release, or left by
 * a process that is gone: then there is nothing.
 */

const Count = z.number().nonnegative().catch(0)
const Text = z.string().transform((text) => text.slice(0, 500))

const Agent = z.object({
  wan: z.object({
    state: z.string().catch(''),
    ipv4: z.string(),
    ipv6: z.string(),
    since: z.string().catch(''),
    addresses: z.array(Text).catch([]),
    gateway4: Text.optional(),
    gateway6: Text.optional(),
  }),
  jobs: z.record(Text, z.object({ ok: z.boolean().catch(false), lastError: Text.optional() })).catch({}),
})
export type AgentFile = z.output<typeof Agent>

const Figures = z.object({ resolver: z.record(z.string(), z.number()).optional() })

const Recorder = z.object({
  log: z
    .object({ bytes: Count, dropped: z.object({ rows: Count }).catch({ rows: 0 }) })
    .catch({ bytes: 0, dropped: { rows: 0 } }),
  archive: z
    .object({
      upload: z
        .object({
          waiting: Count,
          dropped: z.object({ files: Count }).catch({ files: 0 }),
          problem: Text.optional(),
        })
        .optional(),
    })
    .catch({}),
  sources: z
    .record(Text, z.object({ received: Count, stored: Count, dropped: Count, malformed: Count }))
    .catch({}),
})
export type RecorderFile = z.output<typeof Recorder>

const Watcher = z.object({ received: Count, stored: Count, dropped: Count })
export type WatcherFile = z.output<typeof Watcher>

const Clients = z.object({ reservations: z.array(z.object({ macAddress: Text })).catch([]) })

export class StatusFiles {
  readonly #run: string
  readonly #data: string

  /** The directory of the status files, and the recorder's data. */
  constructor(run: string, data: string) {
    this.#run = run
    this.#data = data
  }

  agent(): Promise<AgentFile | undefined> {
    return this.#read('agent/status.json', Agent)
  }

  recorder(): Promise<RecorderFile | undefined> {
    return this.#read('recorder/status.json', Recorder)
  }

  /** "dns" or "flows". */
  watcher(name: string): Promise<WatcherFile | undefined> {
    return this.#read(`watch/${name}.json`, Watcher)
  }

  /** The resolver's own counters; none while it does not answer. */
  async resolver(): Promise<Readonly<Record<string, number>>> {
    return (await this.#read('agent/figures.json', Figures))?.resolver ?? {}
  }

  /** The MAC addresses that have a reservation. */
  async reserved(): Promise<ReadonlySet<string>> {
    const clients = await this.#read('agent/clients.json', Clients)
    return new Set(clients?.reservations.map(({ macAddress }) => macAddress))
  }

  /** The devices as the recorder knows them now; until it runs, as it knew them last. */
  async devices(): Promise<DevicesState> {
    for (const path of [join(this.#run, 'recorder/devices.json'), join(this.#data, 'state/devices.json')]) {
      try {
        return parseState(await readFile(path, 'utf8'))
      } catch {
        // It is not there yet, or of another release: the next.
      }
    }
    return NOTHING
  }

  async #read<T extends z.ZodType>(name: string, shape: T): Promise<z.output<T> | undefined> {
    const text = await readFile(join(this.#run, name), 'utf8').catch(() => '')
    try {
      return shape.parse(JSON.parse(text))
    } catch {
      return undefined
    }
  }
}
