import { join } from 'node:path'
import type { AgentConfig } from '../router/render/agent.ts'
import { AdvertiseJob } from './advertise-job.ts'
import { CertificateJob } from './certificate-job.ts'
import { ClientsJob } from './clients-job.ts'
import { DelegatedJob } from './delegated-job.ts'
import { FiguresJob } from './figures-job.ts'
import { HolderStore } from './holder-store.ts'
import { JobLoop } from './job-loop.ts'
import { LeaseReader } from './lease-reader.ts'
import { NamesJob } from './names-job.ts'
import { NatJob } from './nat-job.ts'
import { ResolvConfJob } from './resolv-conf-job.ts'
import { type JobStatus, nextJobStatus } from './status.ts'
import { StatusJob } from './status-job.ts'
import { WatchdogJob } from './watchdog-job.ts'

/** Folders the agent reads and writes; the defaults are the product's own, tests bring theirs. */
export interface AgentPaths {
  /** resolv.conf and agent/status.json: /run/sekisho. */
  readonly run: string
  /** What outlives a boot: /var/lib/sekisho/agent. */
  readonly state: string
  /** networkd's volatile configuration: /run/systemd/network. */
  readonly networkd: string
  /** networkd's link states: /run/systemd/netif/links. */
  readonly links: string
}

/** The agent's jobs for one configuration; a new configuration is a new Agent. */
export class Agent {
  readonly #loops: JobLoop[] = []
  readonly #closers: (() => void)[] = []
  readonly #outcomes: Record<string, JobStatus> = {}
  readonly #log: (line: string) => void
  readonly #delegated: DelegatedJob

  constructor(config: AgentConfig, paths: AgentPaths, startedAt: string, log: (line: string) => void) {
    this.#log = log
    this.#delegated = new DelegatedJob(config.wan.device)

    const reader = this.#leases(config, () => {
      namesLoop?.poke()
      clientsLoop?.poke()
    })
    const names = reader && this.#names(config, paths, reader, () => namesLoop?.poke())
    const namesLoop = names && this.#loop('names', () => names.run(), 2000)
    const clients = reader && new ClientsJob(config, reader, join(paths.run, 'agent/clients.json'))
    const clientsLoop = clients && this.#loop('clients', () => clients.run(), 5000)
    const advertise = new AdvertiseJob(config, paths.networkd, join(paths.state, 'advertised.json'))
    const advertiseLoop = this.#loop('advertise', () => advertise.run(), 2000)
    const delegatedLoop = this.#loop('delegated', () => this.#delegated.run(), 2000)
    const nat = new NatJob(config.wan.device, join(paths.run, 'agent/wan-addresses.json'), log)
    const natLoop = this.#loop('nat', () => nat.run(), 2000)
    const resolvConf = new ResolvConfJob(config, join(paths.run, 'resolv.conf'), paths.links, () => {
      // networkd writes a link's state whenever anything about the link changed: a hint for every job.
      resolvConfLoop.poke()
      advertiseLoop.poke()
      delegatedLoop.poke()
      natLoop.poke()
      watchdogLoop.poke()
      statusLoop.poke()
    })
    const resolvConfLoop = this.#loop('resolv.conf', () => resolvConf.run(), 30_000)
    this.#closers.push(() => resolvConf.close())
    const watchdog = new WatchdogJob(
      config.wan,
      () => resolvConf.status(),
      log,
      () => statusLoop.poke(),
    )
    const watchdogLoop = this.#loop('watchdog', () => watchdog.run(), 2000)
    const status = new StatusJob(join(paths.run, 'agent/status.json'), config.wan.device, startedAt, () => ({
      reach: watchdog.status(),
      ...(names === undefined ? {} : { names: names.status() }),
      defaultRouter6: advertise.status(),
      resolvers: resolvConf.status(),
      jobs: this.#outcomes,
    }))
    const statusLoop = this.#loop('status', () => status.run(), 5000)
    if (config.certificate !== undefined) {
      const certificate = new CertificateJob(config.certificate, log)
      this.#loop('certificate', () => certificate.run(), 60 * 60_000)
    }
    const figures = new FiguresJob(config, join(paths.run, 'agent/figures.json'))
    this.#loop('figures', () => figures.run(), 10_000)
  }

  start(): void {
    for (const loop of this.#loops) loop.start()
  }

  /** Ends every job; files and names stay as they are, for whoever comes next, and only our routes go. */
  async stop(): Promise<void> {
    for (const close of this.#closers) close()
    await Promise.all(this.#loops.map((loop) => loop.stop()))
    await this.#delegated.clear().catch((error: unknown) => this.#log(`routes stay: ${String(error)}`))
  }

  #leases({ leases }: AgentConfig, poke: () => void): LeaseReader | undefined {
    if (leases === undefined) return undefined
    const reader = new LeaseReader(leases, poke)
    this.#closers.push(() => reader.close())
    return reader
  }

  #names(
    config: AgentConfig,
    paths: AgentPaths,
    reader: LeaseReader,
    poke: () => void,
  ): NamesJob | undefined {
    if (config.names === undefined) return undefined
    const store = new HolderStore(join(paths.state, 'holders.json'))
    const job = new NamesJob(config, config.names, reader, store, poke)
    this.#closers.push(() => job.close())
    return job
  }

  #loop(name: string, run: () => Promise<void>, everyMs: number): JobLoop {
    const loop = new JobLoop({
      run,
      everyMs,
      settleMs: 200,
      onOutcome: (error) => {
        const before = this.#outcomes[name]
        this.#outcomes[name] = nextJobStatus(before, error, new Date().toISOString())
        if (error !== undefined) this.#log(`${name}: ${error}`)
        else if (before !== undefined) this.#log(`${name}: works again`)
      },
    })
    this.#loops.push(loop)
    return loop
  }
}
