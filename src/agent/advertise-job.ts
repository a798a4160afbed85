import { execFile } from 'node:child_process'
import { mkdir, readdir, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { AgentConfig } from '../router/render/agent.ts'
import { RouterLifetime } from './router-lifetime.ts'
import { readWanState } from './wan-state.ts'
import { writeAtomic } from './write-atomic.ts'

/** Hosts hear of no more than one change in this time. */
const RELOAD_GAP_MS = 10_000
/** The drop-ins are compared with the disk this often, in case somebody touched them. */
const CHECK_EVERY_MS = 60_000
const DROP_IN = '50-ra.conf'
const DROP_IN_FOLDER = /^10-sekisho-[a-z0-9-]{1,12}\.network\.d$/

/** RFC 4861 section 6.2.1: AdvDefaultLifetime's default, three times the longest gap between advertisements. */
const TEXT = `# Written by sekishod while there is an IPv6 default route.
[IPv6SendRA]
RouterLifetimeSec=1800
`

/**
 * Announces the router as a default router while it has an IPv6 default route itself. systemd-networkd's own files
 * say lifetime 0; a drop-in raises it, and `networkctl reload` reconfigures just the links whose files changed:
 * addresses and routes stay, and the last advertisement before the change says 0.
 */
export class AdvertiseJob {
  readonly #config: AgentConfig
  readonly #networkdRun: string
  readonly #lifetime = new RouterLifetime()
  #announced: boolean | undefined
  #checkedAt = 0
  #failure: unknown
  // What networkd has read of the files is unknown at first: one reload tells it.
  #reloadDue = true
  #reloadedAt = Number.NEGATIVE_INFINITY

  /** `networkdRun` is networkd's volatile folder, /run/systemd/network. */
  constructor(config: AgentConfig, networkdRun: string) {
    this.#config = config
    this.#networkdRun = networkdRun
  }

  async run(): Promise<void> {
    const wan = readWanState(this.#config.wan.device)
    const now = performance.now()
    const announced = this.#lifetime.observe(wan.defaultRoute6, now)
    if (announced !== this.#announced || now - this.#checkedAt >= CHECK_EVERY_MS) {
      if (await this.#writeDropIns(announced)) this.#reloadDue = true
      this.#announced = announced
      this.#checkedAt = now
    }
    if (this.#reloadDue) await this.#reload(now)
  }

  /** Whether the networks are told to use us as a default router. */
  status(): boolean {
    return this.#announced === true
  }

  async #reload(now: number): Promise<void> {
    if (now - this.#reloadedAt >= RELOAD_GAP_MS) {
      this.#reloadedAt = now
      this.#failure = undefined
      await promisify(execFile)('networkctl', ['reload'], { timeout: 20_000, maxBuffer: 64 * 1024 }).then(
        () => {
          this.#reloadDue = false
        },
        (error: unknown) => {
          this.#failure = error
        },
      )
    }
    // A failure stays one until the next try.
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Makes the drop-ins exactly those of the networks to announce to; true when something changed. */
  async #writeDropIns(announced: boolean): Promise<boolean> {
    const wanted = this.#config.networks.filter((network) => network.advertise && announced)
    const folders = wanted.map((network) => `10-sekisho-${network.name}.network.d`)
    let changed = false
    for (const folder of folders) {
      await mkdir(join(this.#networkdRun, folder), { recursive: true })
      if (await writeAtomic(join(this.#networkdRun, folder, DROP_IN), TEXT)) changed = true
    }
    const present = await readdir(this.#networkdRun).catch(() => [])
    for (const folder of present.filter((name) => DROP_IN_FOLDER.test(name) && !folders.includes(name))) {
      const path = join(this.#networkdRun, folder)
      const removed = unlink(join(path, DROP_IN)).then(() => true)
      if (await removed.catch(() => false)) changed = true
      // Somebody else's drop-in may lie beside ours.
      await rmdir(path).catch(() => undefined)
    }
    return changed
  }
}
