import { dirname } from 'node:path'
import type { AgentConfig } from '../router/render/agent.ts'
import { DirectoryWatch } from './directory-watch.ts'
import { fingerprint } from './fingerprint.ts'
import { keaLeases } from './kea-client.ts'
import type { Lease } from './lease.ts'

/** Kea is asked when its lease file changes, and this often in case that went unseen. */
const EVERY_MS = 60_000
/** Without a lease file to look at. */
const BLIND_EVERY_MS = 2000

/** What kea said, and when; each answer is a list of its own. */
interface Answer {
  readonly leases: readonly Lease[]
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Kea's leases, asked for once for all jobs and only when there may be something new. */
export class LeaseReader {
  readonly #config: NonNullable<AgentConfig['leases']>
  readonly #watch: DirectoryWatch | undefined
  #answer: Answer | undefined
  #asked = Number.NEGATIVE_INFINITY
  #seen = ''
  #reading: Promise<readonly Lease[]> | undefined

  /** `poke` is called when the lease file changed and `read` should come soon. */
  constructor(config: NonNullable<AgentConfig['leases']>, poke: () => void) {
    this.#config = config
    this.#watch = config.file === undefined ? undefined : new DirectoryWatch(dirname(config.file), poke)
  }

  /** Every lease, live or dead: the same list as long as kea was not asked again. Throws when kea is away. */
  read(): Promise<readonly Lease[]> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  /** When kea last answered, in milliseconds since 1970; 0 when it never did. */
  get answeredAt(): number {
    return this.#answer?.at ?? 0
  }

  close(): void {
    this.#watch?.close()
  }

  async #read(): Promise<readonly Lease[]> {
    await this.#watch?.ensure()
    const { file, socket } = this.#config
    const elapsed = performance.now() - this.#asked
    const seen = file === undefined ? '' : await fingerprint(file)
    // Kea answers from the state it has, not from the file, so asking again later costs only a moment.
    const fresh = seen === this.#seen && elapsed < (seen === '' ? BLIND_EVERY_MS : EVERY_MS)
    if (this.#answer !== undefined && fresh) return this.#answer.leases
    this.#answer = { leases: await keaLeases(socket), at: Date.now() }
    this.#asked = performance.now()
    this.#seen = seen
    return this.#answer.leases
  }
}
