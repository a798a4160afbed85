import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Found } from './watchdog.ts'

/** The kernel asks a neighbour three times, a second apart, and then as often everybody. */
const GATEWAY_MS = 7000
const FIRST_LOOK_MS = 50
const LONGEST_LOOK_MS = 800
const DNS_MS = 1500
const DNS_TRIES = 2

/** What to ask about one IP version. */
export interface Probe {
  readonly device: string
  /** Absent on a line without one, like PPP. */
  readonly gateway: string | undefined
  /** The provider's resolvers of this version, link-local ones with their zone; nobody else is bothered. */
  readonly resolvers: readonly string[]
}

/** Asks the gateway, and when it answers the provider's resolvers. At most some twelve seconds. */
export async function probe({ device, gateway, resolvers }: Probe): Promise<Found> {
  if (gateway !== undefined && !(await gatewayAnswers(device, gateway))) return 'no-gateway'
  if (resolvers.length === 0) return 'up'
  for (let i = 0; i < DNS_TRIES; i++) {
    const answers = resolvers.map((resolver) => resolverAnswers(resolver, DNS_MS))
    const any = Promise.any(answers.map((one) => one.then((good) => good || Promise.reject(new Error()))))
    if (await any.catch(() => false)) return 'up'
  }
  return 'no-internet'
}

/**
 * Has the kernel look for a neighbour anew, by ARP (RFC 826) or Neighbor Discovery (RFC 4861 section 7.3): no socket of
 * ours, and what it finds is what packets go by.
 */
async function gatewayAnswers(device: string, gateway: string): Promise<boolean> {
  const known = await ip('neigh', 'change', gateway, 'dev', device, 'nud', 'probe').then(
    () => true,
    () => false,
  )
  // One that failed, or was never heard of, is looked for from the beginning.
  if (!known) await ip('neigh', 'replace', gateway, 'dev', device, 'use')
  const deadline = performance.now() + GATEWAY_MS
  for (let wait = FIRST_LOOK_MS; performance.now() < deadline; wait = Math.min(wait * 2, LONGEST_LOOK_MS)) {
    await sleep(wait)
    const state = neighbourState(await ip('-json', 'neigh', 'show', gateway, 'dev', device))
    if (state === 'REACHABLE' || state === 'PERMANENT' || state === 'NOARP') return true
    if (state === 'FAILED') return false
  }
  return false
}

/** The state in the answer of `ip -json neigh show`; undefined when it has none. */
export function neighbourState(json: string): string | undefined {
  try {
    const [first] = JSON.parse(json) as { state?: unknown }[]
    const state = Array.isArray(first?.state) ? (first.state[0] as unknown) : undefined
    return typeof state === 'string' ? state : undefined
  } catch {
    return undefined
  }
}

/**
 * Whether a DNS server answers in time to a question for the root's name servers (RFC 8109), which tells nobody anything.
 * One that failed (SERVFAIL) has no Internet either. One that has no server there has still answered.
 */
export function resolverAnswers(resolver: string, timeoutMs: number, port = 53): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(resolver.split('%')[0] ?? '') ? 'udp6' : 'udp4')
    const id = Math.floor(Math.random() * 0x10000)
    const timer = setTimeout(() => end(false), timeoutMs)
    let ended = false
    function end(good: boolean): void {
      if (ended) return
      ended = true
      clearTimeout(timer)
      socket.removeAllListeners()
      socket.on('error', () => undefined)
      socket.close()
      resolve(good)
    }
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'))
    socket.on('message', (answer) => {
      const mine = answer.length >= 12 && answer.readUInt16BE(0) === id && ((answer[2] ?? 0) & 0x80) !== 0
      // Anything else is somebody's guess.
      if (mine) end(((answer[3] ?? 0) & 0xf) !== SERVFAIL)
    })
    // Node's type leaves out that it is called with what went wrong.
    socket.connect(port, resolver, (failed?: Error) => {
      if (failed) end(false)
      else if (!ended) socket.send(rootQuestion(id), (error) => error && end(false))
    })
  })
}

const SERVFAIL = 2

/** RFC 1035 section 4.1: one question, recursion desired, for "." NS IN. */
function rootQuestion(id: number): Buffer {
  const header = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  header.writeUInt16BE(id, 0)
  return Buffer.concat([header, Buffer.from([0, 0, 2, 0, 1])])
}

async function ip(...words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('ip', words, { timeout: 5000, maxBuffer: 64 * 1024 })
  return stdout
}
