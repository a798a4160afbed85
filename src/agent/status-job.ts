import { mkdir, readFile } from 'node:fs/promises'
import { uptime } from 'node:os'
import { dirname } from 'node:path'
import type { AgentStatus } from './status.ts'
import { readWanState } from './wan-state.ts'
import type { WanReach } from './watchdog-job.ts'
import { writeAtomic } from './write-atomic.ts'

type Rest = Pick<AgentStatus, 'names' | 'defaultRouter6' | 'resolvers' | 'jobs'> & {
  readonly reach: WanReach
}

/** Observes the WAN and writes status.json whenever something in it changed. */
export class StatusJob {
  readonly #path: string
  readonly #device: string
  readonly #startedAt: string
  readonly #rest: () => Rest
  #written = ''
  #state: WanReach['state'] | undefined
  #since = { since: '', sinceUptimeSecs: 0 }

  constructor(path: string, device: string, startedAt: string, rest: () => Rest) {
    this.#path = path
    this.#device = device
    this.#startedAt = startedAt
    this.#rest = rest
  }

  async run(): Promise<void> {
    const wan = readWanState(this.#device)
    const { reach, ...rest } = this.#rest()
    if (reach.state !== this.#state) {
      const before = this.#state === undefined ? await this.#before(reach.state) : undefined
      this.#since = before ?? {
        since: new Date().toISOString(),
        sinceUptimeSecs: Math.floor(uptime()),
      }
      this.#state = reach.state
    }
    const status: AgentStatus = {
      version: 1,
      pid: process.pid,
      startedAt: this.#startedAt,
      wan: { ...wan, ...reach, up: reach.state === 'up', ...this.#since },
      ...rest,
    }
    const text = `${JSON.stringify(status, null, 2)}\n`
    if (text === this.#written) return
    await mkdir(dirname(this.#path), { recursive: true })
    await writeAtomic(this.#path, text)
    this.#written = text
  }

  /** An agent that was restarted goes on counting where the last one, of the same boot, saw the same. */
  async #before(state: WanReach['state']): Promise<{ since: string; sinceUptimeSecs: number } | undefined> {
    try {
      const { wan }: Partial<AgentStatus> = JSON.parse(await readFile(this.#path, 'utf8'))
      if (wan?.device !== this.#device || wan.state !== state) return undefined
      if (typeof wan.since !== 'string' || typeof wan.sinceUptimeSecs !== 'number') return undefined
      return { since: wan.since, sinceUptimeSecs: wan.sinceUptimeSecs }
    } catch {
      return undefined
    }
  }
}
