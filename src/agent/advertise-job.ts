import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rmdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { AgentConfig } from '../router/render/agent.ts'
import { RouterLifetime } from './router-lifetime.ts'
import { followPrefixes, type KnownPrefix, parseKnownPrefixes, presentPrefixes } from './stale-prefixes.ts'
import { readWanState } from './wan-state.ts'
import { writeAtomic } from './write-atomic.ts'

/** Hosts hear of no more than one change in this time. */
const RELOAD_GAP_MS = 10_000
/** The drop-ins are compared with the disk this often, in case somebody touched them. */
const CHECK_EVERY_MS = 60_000
const DROP_IN = '50-ra.conf'
const DROP_IN_FOLDER = /^10-sekisho-[a-z0-9-]{1,12}\.network\.d$/

/** RFC 4861 section 6.2.1: AdvDefaultLifetime's default, three times the longest gap between advertisements. */
const DEFAULT_ROUTER = `
# There is an IPv6 default route.
[IPv6SendRA]
RouterLifetimeSec=1800
`

/** RFC 9096 section 3.5: hosts hear that a prefix is over, for as long as they might go on with it. */
function calledOff(prefix: string): string {
  return `
# The provider gave another prefix.
[IPv6Prefix]
Prefix=${prefix}
PreferredLifetimeSec=0
ValidLifetimeSec=0
`
}

/**
 * Announces the router as a default router while it has an IPv6 default route itself. systemd-networkd's own files
 * say lifetime 0; a drop-in raises it, and `networkctl reload` reconfigures just the links whose files changed:
 * addresses and routes stay, and the last advertisement before the change says 0. Prefixes that the networks had and
 * lost are called off in the same drop-in, which networkd does not do by itself.
 */
export class AdvertiseJob {
  readonly #config: AgentConfig
  readonly #networkdRun: string
  readonly #memory: string
  readonly #lifetime = new RouterLifetime()
  #announced: boolean | undefined
  #known: readonly KnownPrefix[] | undefined
  #calledOff = ''
  #checkedAt = 0
  #failure: unknown
  // What networkd has read of the files is unknown at first: one reload tells it.
  #reloadDue = true
  #reloadedAt = Number.NEGATIVE_INFINITY

  /** `networkdRun` is networkd's volatile folder, /run/systemd/network; `memory` the file for prefixes told to hosts. */
  constructor(config: AgentConfig, networkdRun: string, memory: string) {
    this.#config = config
    this.#networkdRun = networkdRun
    this.#memory = memory
  }

  async run(): Promise<void> {
    const wan = readWanState(this.#config.wan.device)
    const now = performance.now()
    const announced = this.#lifetime.observe(wan.defaultRoute6, now)
    const stale = await this.#stalePrefixes()
    const over = stale.map(({ network, prefix }) => `${network} ${prefix}`).join()
    const changed = announced !== this.#announced || over !== this.#calledOff
    if (changed || now - this.#checkedAt >= CHECK_EVERY_MS) {
      if (await this.#writeDropIns(announced, stale)) this.#reloadDue = true
      this.#announced = announced
      if (over !== this.#calledOff) await this.#dropRoutes(stale)
      this.#calledOff = over
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

  /** Prefixes to call off, remembered over restarts and boots (RFC 9096 section 3.5): hosts remember them too. */
  async #stalePrefixes(): Promise<readonly KnownPrefix[]> {
    this.#known ??= parseKnownPrefixes(await readFile(this.#memory, 'utf8').catch(() => ''))
    // Of all networks, also while no default route is announced: hosts go by what they were told before.
    const present = presentPrefixes(readIfInet6(), this.#config.networks)
    const next = followPrefixes(this.#known, present, Math.floor(Date.now() / 1000))
    this.#known = next.known
    await mkdir(dirname(this.#memory), { recursive: true })
    await writeAtomic(this.#memory, `${JSON.stringify(next.known, null, 2)}\n`, { durable: true })
    return next.stale
  }

  /**
   * The kernel keeps the route to a leased prefix until the lease would have ended: whoever has the prefix by then would
   * be out of reach from here.
   */
  async #dropRoutes(stale: readonly KnownPrefix[]): Promise<void> {
    for (const { network, prefix } of stale) {
      const device = this.#config.networks.find(({ name }) => name === network)?.device
      if (device === undefined) continue
      const words = ['-6', 'route', 'delete', prefix, 'dev', device, 'proto', 'kernel']
      // Mostly there is none.
      await promisify(execFile)('ip', words, { timeout: 5000 }).catch(() => undefined)
    }
  }

  /** Makes the drop-ins exactly those that something is to be told by; true when something changed. */
  async #writeDropIns(announced: boolean, stale: readonly KnownPrefix[]): Promise<boolean> {
    const wanted = this.#config.networks.flatMap((network) => {
      const over = stale.filter((one) => one.network === network.name).map(({ prefix }) => calledOff(prefix))
      const text = (network.advertise && announced ? DEFAULT_ROUTER : '') + over.toSorted().join('')
      return text === '' ? [] : [{ folder: `10-sekisho-${network.name}.network.d`, text }]
    })
    const folders = wanted.map(({ folder }) => folder)
    let changed = false
    for (const { folder, text } of wanted) {
      await mkdir(join(this.#networkdRun, folder), { recursive: true })
      const whole = `# Written by sekishod.\n${text}`
      if (await writeAtomic(join(this.#networkdRun, folder, DROP_IN), whole)) changed = true
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

/** Absent where the kernel has no IPv6. */
function readIfInet6(): string {
  try {
    return readFileSync('/proc/net/if_inet6', 'utf8')
  } catch {
    return ''
  }
}
