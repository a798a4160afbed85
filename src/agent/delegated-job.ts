import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { delegatedPrefixes, rejected, toText } from './delegated-prefix.ts'

/** Told apart by it from networkd's own routes of metric 1024. */
const METRIC = 4096
/** networkd is asked at least this often, in case a lease ended without a change of routes. */
const ASK_EVERY_MS = 60_000
/** And this often while there is no route of ours: networkd's may have come and gone between two looks. */
const ASK_WITHOUT_MS = 5000
/** A client that begins anew has no lease for some seconds; the route stays so long. */
const PATIENCE_MS = 60_000

/**
 * Keeps an unreachable route for each delegated prefix (RFC 7084 section 4.3, WPD-5): without it, what goes to a
 * part of the prefix that no network has returns to the provider and circles. networkd sets one and loses it when it
 * reconfigures a network behind; this one is ours.
 */
export class DelegatedJob {
  readonly #device: string
  #seen: string | undefined
  #askedAt = Number.NEGATIVE_INFINITY
  /** Since when networkd knows of no prefix though there is a route of ours. */
  #emptySince: number | undefined

  constructor(device: string) {
    this.#device = device
  }

  async run(): Promise<void> {
    const routes = rejectedRoutes()
    const seen = JSON.stringify(routes)
    const now = performance.now()
    const ours = ownOf(routes)
    const every = ours.length === 0 ? ASK_WITHOUT_MS : ASK_EVERY_MS
    if (seen === this.#seen && now - this.#askedAt < every) return
    const wanted = delegatedPrefixes(await this.#networkdStatus())
    if (wanted.length > 0 || ours.length === 0) this.#emptySince = undefined
    else {
      this.#emptySince ??= now
      if (now - this.#emptySince < PATIENCE_MS) return
    }
    for (const prefix of wanted.filter((one) => !ours.includes(one))) await route('replace', prefix)
    for (const prefix of ours.filter((one) => !wanted.includes(one))) await route('delete', prefix)
    this.#askedAt = now
    this.#seen = JSON.stringify(rejectedRoutes())
  }

  /** Nothing while the device is not there: that of a PPPoE session comes and goes with it. */
  async #networkdStatus(): Promise<string> {
    const device = `/sys/class/net/${this.#device}`
    if (!existsSync(device)) return ''
    const asked = output('networkctl', ['--json=short', 'status', this.#device])
    return asked.catch((error: unknown) => {
      if (existsSync(device)) throw error
      return ''
    })
  }

  /** Takes the routes back; an agent that ends without leaves them, and they do no harm. */
  async clear(): Promise<void> {
    for (const prefix of ownOf(rejectedRoutes())) await route('delete', prefix)
  }
}

function rejectedRoutes(): ReturnType<typeof rejected> {
  return rejected(readFileSync('/proc/net/ipv6_route', 'utf8'))
}

function ownOf(routes: ReturnType<typeof rejected>): string[] {
  return routes.flatMap(({ prefix, metric }) => (metric === METRIC ? [prefix] : []))
}

function route(verb: 'replace' | 'delete', prefix: string): Promise<string> {
  const words = ['unreachable', toText(prefix), 'dev', 'lo', 'proto', 'static', 'metric', String(METRIC)]
  return output('ip', ['-6', 'route', verb, ...words])
}

async function output(file: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(file, args, { timeout: 20_000, maxBuffer: 1024 * 1024 })
  return stdout
}
