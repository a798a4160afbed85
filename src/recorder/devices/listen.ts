import { type FSWatcher, watch } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { basename, dirname } from 'node:path'
import { writeFileAtomic } from '../atomic-file.ts'
import { type Counts, zeroCounts } from '../counters.ts'
import { describe, log } from '../log.ts'
import { InterfaceNames } from '../netlink/interface-names.ts'
import { NeighbourTable } from '../netlink/neighbour-table.ts'
import type { Source } from '../sources/source.ts'
import type { Wal } from '../wal/wal.ts'
import { type ClientsFile, parseClientsFile } from './clients-file.ts'
import { DevicesLedger, type Sink } from './ledger.ts'
import { isNews, type Neighbours, type NetworkOf, neighboursFrom } from './neighbours.ts'
import { onLink } from './on-link.ts'
import { parseState, serialiseState } from './state.ts'
import { vendorOf } from './vendor.ts'

/** What changes is told of; still everything is looked at this often, and the file for who asks now is written. */
const LOOK_MS = 60_000
/** The shortest time between two looks, whatever the clients do. */
const BETWEEN_MS = 2000
const WAIT_MS = 1000
const SAVE_MS = 5 * 60_000
/** A new device is kept sooner, or it would be told of again after a crash. */
const SAVE_NEW_MS = 10_000
/** How long the last records may take to the disk before it is left to the next start to write them again. */
const LAST_FLUSH_MS = 2000

export interface DevicesOptions {
  /** The agent's clients.json; it may be missing. */
  readonly clients: string
  /** The table of vendors; it may be missing. */
  readonly vendors: string
  /** Where what is known is kept for the next start. */
  readonly state: string
  /** Where it is for who asks now: on a tmpfs. */
  readonly live: string
  readonly networks: readonly { readonly name: string; readonly device: string }[]
}

/**
 * Who has which address: from the kernel's neighbour table and the DHCP server's leases, as records of the kinds "devices"
 * and "dhcp". Nothing on the router waits for it.
 */
export class DevicesSource implements Source {
  readonly name = 'devices'
  readonly counts: Counts
  readonly #options: DevicesOptions
  readonly #sink: Sink
  readonly #ledger: DevicesLedger
  readonly #table: NeighbourTable
  readonly #watcher: FSWatcher | undefined
  readonly #names = new InterfaceNames()
  readonly #networks: ReadonlyMap<string, string>
  readonly #loop: Promise<void>
  #neighbours: Neighbours | undefined
  #clients: ClientsFile | undefined
  #networkOf: NetworkOf = () => undefined
  #clientsChanged = true
  #lookSoon = true
  #looked = Number.NEGATIVE_INFINITY
  #saved = performance.now()
  #arrived = 0
  #saving: Promise<void> | undefined
  #looking: Promise<void> | undefined
  #stopped = false
  #state = 'up'

  private constructor(
    options: DevicesOptions,
    sink: Sink,
    counts: Counts,
    ledger: DevicesLedger,
    table: NeighbourTable,
  ) {
    this.#options = options
    this.#sink = sink
    this.counts = counts
    this.#ledger = ledger
    this.#table = table
    this.#networks = new Map(options.networks.map(({ name, device }) => [device, name]))
    this.#watcher = this.#watch()
    this.#loop = this.#run()
  }

  /** Goes on from the state kept last. */
  static async start(options: DevicesOptions, wal: Wal): Promise<DevicesSource> {
    const counts = zeroCounts()
    const sink = sinkOf(wal, counts)
    const table = await readFile(options.vendors).catch(() => Buffer.alloc(0))
    const state = await readFile(options.state, 'utf8')
      .then(parseState)
      .catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
          log('devices state', `devices: ${options.state}: ${describe(error)}: beginning anew`)
        }
        return undefined
      })
    const ledger = new DevicesLedger({ sink, counts, vendorOf: (mac) => vendorOf(table, mac) }, state)
    return new DevicesSource(options, sink, counts, ledger, NeighbourTable.open())
  }

  state(): string {
    return this.#state
  }

  details(): Readonly<Record<string, number>> {
    return this.#ledger.details()
  }

  /** Looks at once; resolves when what is new is on the disk. Rejects when it cannot be known. */
  async lookNow(): Promise<void> {
    await this.#looking?.catch(() => undefined)
    await this.#lookAlone()
    await this.#sink.flush()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#watcher?.close()
    await this.#loop
    this.#table.close()
    this.#ledger.close()
    await this.#writeLive()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_FLUSH_MS)
    })
    await Promise.race([(this.#saving ?? Promise.resolve()).then(() => this.#save()), late])
    clearTimeout(timer)
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        if (await this.#table.wait(WAIT_MS)) this.#readChanges()
        const elapsed = performance.now() - this.#looked
        if (elapsed >= LOOK_MS || (this.#lookSoon && elapsed >= BETWEEN_MS)) await this.#lookAlone()
        this.#state = 'up'
      } catch (error) {
        this.#state = describe(error)
        log('devices', `devices: ${this.#state}`)
        await new Promise((resolve) => setTimeout(resolve, WAIT_MS))
      }
    }
  }

  #readChanges(): void {
    const changes = this.#table.changes()
    if (this.#lookSoon) return
    this.#lookSoon = changes === undefined || isNews(this.#neighbours ?? new Map(), changes, this.#networkOf)
  }

  /** One look at a time: who comes while there is one has it too. */
  #lookAlone(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #look(): Promise<void> {
    this.#lookSoon = false
    this.#looked = performance.now()
    if (this.#clientsChanged || this.#watcher === undefined) await this.#readClients()
    const entries = await this.#table.list()
    const now = Date.now()
    this.#networkOf = this.#networksNow()
    this.#neighbours = neighboursFrom(this.#neighbours, entries, this.#networkOf, now)
    this.#ledger.take([...this.#neighbours.values()], this.#clients, now)
    await this.#writeLive()
    const { arrived } = this.#ledger
    if (performance.now() - this.#saved >= (arrived > this.#arrived ? SAVE_NEW_MS : SAVE_MS)) {
      this.#saved = performance.now()
      this.#arrived = arrived
      this.#saving ??= this.#save().finally(() => {
        this.#saving = undefined
      })
    }
  }

  /** Which network an entry belongs to, as the interfaces are now. */
  #networksNow(): NetworkOf {
    const isOnLink = onLink(networkInterfaces())
    return ({ interfaceIndex, address }) => {
      const device = this.#names.nameOf(interfaceIndex)
      return isOnLink(device, address) ? this.#networks.get(device) : undefined
    }
  }

  async #readClients(): Promise<void> {
    this.#clientsChanged = false
    try {
      this.#clients = parseClientsFile(await readFile(this.#options.clients, 'utf8'))
    } catch (error) {
      // The agent was never here, or writes it soon.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') log('clients', `devices: ${describe(error)}`)
    }
  }

  #watch(): FSWatcher | undefined {
    const { clients } = this.#options
    try {
      const watcher = watch(dirname(clients), { persistent: false }, (_, name) => {
        if (name !== basename(clients)) return
        this.#clientsChanged = true
        this.#lookSoon = true
      })
      watcher.on('error', (error) => log('clients watch', `devices: ${describe(error)}`))
      return watcher
    } catch (error) {
      log('clients watch', `devices: ${dirname(clients)}: ${describe(error)}`)
      return undefined
    }
  }

  async #writeLive(): Promise<void> {
    await writeFileAtomic(this.#options.live, serialiseState(this.#ledger.state()), { durable: false }).catch(
      (error: unknown) => log('devices live', `devices: ${this.#options.live}: ${describe(error)}`),
    )
  }

  /** Keeps the state once the records that it takes for written are on the disk. */
  async #save(): Promise<void> {
    try {
      const text = serialiseState(this.#ledger.state())
      await this.#sink.flush()
      await mkdir(dirname(this.#options.state), { recursive: true, mode: 0o750 })
      await writeFileAtomic(this.#options.state, text)
    } catch (error) {
      log('devices state', `devices: ${this.#options.state}: ${describe(error)}`)
    }
  }
}

function sinkOf(wal: Wal, counts: Counts): Sink {
  const devices = wal.writer({ kind: 'devices', counts })
  const dhcp = wal.writer({ kind: 'dhcp', counts })
  const events = wal.writer({ kind: 'events', counts })
  return {
    device: (epochMs, record) => devices.offer(epochMs, record),
    dhcp: (epochMs, record) => dhcp.offer(epochMs, record),
    event: (epochMs, record) => events.offer(epochMs, record),
    flush: async () => {
      await Promise.all([devices, dhcp, events].map((writer) => writer.flush()))
    },
  }
}
