import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { isIPv4, isIPv6 } from 'node:net'
import { promisify } from 'node:util'
import { probe } from './probe.ts'
import { NOTHING_TRIED, nextRemedy, remedyCommand, type Tried } from './remedy.ts'
import { arpFailed, wanCounters } from './wan-counters.ts'
import { readWanState, type WanState } from './wan-state.ts'
import { heard, look, type Reach, UNWATCHED, type Watched, wanReach } from './watchdog.ts'

const SAY_GAP_MS = 1500

/** What the watchdog says of the WAN. */
export interface WanReach {
  readonly state: Reach | 'no-carrier'
  readonly ipv4: Reach
  readonly ipv6: Reach
}

export interface WatchdogOptions {
  readonly device: string
  /** As router.yaml has it: "dhcp", "static". */
  readonly mode: string
  /** Off: what the kernel shows is believed, nobody is asked and nothing is done. */
  readonly watchdog: boolean
}

/**
 * Notices a WAN that is up and carries nothing, asks about it no more than needed, says so in the log, and tries the
 * little that may help. It never touches a network behind.
 */
export class WatchdogJob {
  readonly #options: WatchdogOptions
  readonly #resolvers: () => readonly string[]
  readonly #log: (line: string) => void
  readonly #onChange: () => void
  #ipv4 = UNWATCHED
  #ipv6 = UNWATCHED
  #last: string | undefined
  #said: string | undefined
  #saidAt = Number.NEGATIVE_INFINITY
  #tried: Tried = NOTHING_TRIED
  #carrier = false

  /** `resolvers` gives those of the provider, as they are known at the time; `onChange` hears that `status` is another. */
  constructor(
    options: WatchdogOptions,
    resolvers: () => readonly string[],
    log: (line: string) => void,
    onChange: () => void,
  ) {
    this.#options = options
    this.#resolvers = resolvers
    this.#log = log
    this.#onChange = onChange
  }

  async run(): Promise<void> {
    const { device, watchdog } = this.#options
    const wan = readWanState(device)
    this.#carrier = wan.carrier
    const seen = sights(wan, { ipv4: this.#ipv6.failures > 0, ipv6: this.#ipv4.failures > 0 })
    const now = performance.now()
    this.#ipv4 = look(this.#ipv4, seen.ipv4, now)
    this.#ipv6 = look(this.#ipv6, seen.ipv6, now)
    if (watchdog) {
      const [ipv4, ipv6] = await Promise.all([
        this.#ask(this.#ipv4, wan.gateway4, isIPv4),
        this.#ask(this.#ipv6, wan.gateway6, isIPv6),
      ])
      this.#ipv4 = ipv4
      this.#ipv6 = ipv6
    }
    this.#say(wan)
    if (watchdog) await this.#mend()
  }

  status(): WanReach {
    const [ipv4, ipv6] = [this.#ipv4.reach, this.#ipv6.reach]
    return { state: wanReach(this.#carrier, [ipv4, ipv6]), ipv4, ipv6 }
  }

  async #ask(
    watched: Watched,
    gateway: string | undefined,
    isVersion: (address: string) => boolean,
  ): Promise<Watched> {
    if (!watched.probe) return watched
    const { device } = this.#options
    const resolvers = this.#resolvers().filter((address) => isVersion(address))
    const found = await probe({ device, gateway, resolvers })
    const { sent4, received4, sent6, received6 } = counters(device)
    const after =
      isVersion === isIPv4 ? { sent: sent4, received: received4 } : { sent: sent6, received: received6 }
    return heard(watched, found, after, performance.now())
  }

  #say({ gateway4, gateway6, addresses }: WanState): void {
    const { state, ipv4, ipv6 } = this.status()
    const said = `${state}, IPv4 ${ipv4}, IPv6 ${ipv6}`
    if (said !== this.#last) this.#onChange()
    this.#last = said
    const now = performance.now()
    // A line that flaps is not to fill the log: what it is by then is said at the next look.
    if (said === this.#said || now - this.#saidAt < SAY_GAP_MS) return
    this.#saidAt = now
    const silent = [ipv4 === 'no-gateway' && gateway4, ipv6 === 'no-gateway' && gateway6].filter(Boolean)
    const words = [
      ...(silent.length > 0
        ? [`${silent.join(' and ')} ${silent.length > 1 ? 'do' : 'does'} not answer`]
        : []),
      ...([ipv4, ipv6].includes('no-internet') ? ['nothing beyond the gateway answers'] : []),
      ...(this.#said === undefined ? [] : [`before: ${this.#said}`]),
    ]
    this.#log(
      `wan: ${said}${addresses.length > 0 ? ` (${addresses.join(' ')})` : ''}${words.map((w) => `; ${w}`).join('')}`,
    )
    this.#said = said
  }

  async #mend(): Promise<void> {
    const { device, mode } = this.#options
    // Without an address or a route there was nothing to ask about, and networkd is at work.
    const asked = [this.#ipv4, this.#ipv6].filter(({ reach, found }) => reach === found)
    // Set anew only what has no gateway left at all.
    const dead = asked.length > 0 && asked.every(({ found }) => found === 'no-gateway')
    // A DHCP lease is IPv4's business (RFC 2131), advertisements come by themselves.
    const bad = dead || this.#ipv4.found !== 'up'
    const { tried, remedy } = nextRemedy(this.#tried, dead ? 'dead' : bad ? 'bad' : 'good', performance.now())
    this.#tried = tried
    const command = remedy && remedyCommand(mode, remedy, device)
    if (command === undefined) return
    const [file = '', ...args] = command
    this.#log(`wan: ${command.join(' ')}, attempt ${tried.times}`)
    await promisify(execFile)(file, args, { timeout: 20_000, maxBuffer: 64 * 1024 })
  }
}

function counters(device: string): ReturnType<typeof wanCounters> {
  return wanCounters(read('/proc/net/dev'), read(`/proc/net/dev_snmp6/${device}`), device)
}

function sights(
  wan: WanState,
  otherFails: { ipv4: boolean; ipv6: boolean },
): Record<'ipv4' | 'ipv6', Parameters<typeof look>[1]> {
  const { sent4, received4, sent6, received6 } = counters(wan.device)
  const { gateway4 } = wan
  return {
    ipv4: {
      address: wan.addresses.some((address) => isIPv4(address)),
      route: wan.defaultRoute4,
      gatewayFailed: gateway4 !== undefined && arpFailed(read('/proc/net/arp'), gateway4, wan.device),
      otherFails: otherFails.ipv4,
      sent: sent4,
      received: received4,
    },
    ipv6: {
      address: wan.addresses.some((address) => isIPv6(address)),
      route: wan.defaultRoute6,
      gatewayFailed: false,
      otherFails: otherFails.ipv6,
      sent: sent6,
      received: received6,
    },
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
