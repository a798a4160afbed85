import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { AgentConfig } from '../router/render/agent.ts'
import { clientsOf } from './clients.ts'
import type { LeaseReader } from './lease-reader.ts'
import { writeAtomic } from './write-atomic.ts'

/**
 * Writes clients.json after each of the DHCP server's answers: at a change, and each minute, so that its reader sees
 * whether it still holds. While the server is away the file stays as it is.
 */
export class ClientsJob {
  readonly #config: AgentConfig
  readonly #reader: LeaseReader
  readonly #path: string
  #written = 0

  constructor(config: AgentConfig, reader: LeaseReader, path: string) {
    this.#config = config
    this.#reader = reader
    this.#path = path
  }

  async run(): Promise<void> {
    const leases = await this.#reader.read()
    const at = this.#reader.answeredAt
    if (at === this.#written) return
    await mkdir(dirname(this.#path), { recursive: true })
    await writeAtomic(this.#path, `${JSON.stringify(clientsOf(this.#config, leases, at))}\n`, { mode: 0o600 })
    this.#written = at
  }
}
