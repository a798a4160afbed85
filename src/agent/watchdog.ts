/** How far packets of one IP version get: nowhere without an address, not to the gateway, to it and not beyond, or all the way. */
export type Reach = 'up' | 'no-address' | 'no-gateway' | 'no-internet'

/** What the kernel shows of one IP version on the WAN. */
export interface Sight {
  readonly address: boolean
  readonly route: boolean
  /** The kernel itself gave the gateway up. */
  readonly gatewayFailed: boolean
  /** The other IP version is in trouble, on the same line. */
  readonly otherFails: boolean
  /** Packets since the device came up; only ever compared with earlier ones. */
  readonly sent: number
  readonly received: number
}

/** What a probe found; `up` when something beyond the gateway answered, or nobody there can be asked. */
export type Found = 'up' | 'no-gateway' | 'no-internet'

/** What is known of one IP version. Times are milliseconds on one monotonic clock. */
export interface Watched {
  readonly reach: Reach
  /** The last verdict of probes; sight goes before it. */
  readonly found: Found
  /** Probes in a row that failed. */
  readonly failures: number
  /** The counters when answers last kept pace with what was sent. */
  readonly sent: number
  readonly received: number
  /** When they began to fall behind. */
  readonly silentSince?: number
  readonly probeAt: number
  readonly probedAt: number
  /** From a probe that was answered to the next while suspicion lasts. */
  readonly gapMs: number
  /** A probe is to be made now. */
  readonly probe: boolean
}

/** Packets must have gone unanswered this long: answers take their time. */
export const SUSPECT_MS = 3000
/** An answer to so many packets is enough: an upload is acknowledged now and then. */
const PACKETS_PER_ANSWER = 8
/**
 * Failures in a row that make a verdict. The kernel asks a gateway several times, and sends it nothing after that; of
 * resolvers a second failure soon after the first is wanted, since packets may be lost.
 */
const FAILURES = { 'no-gateway': 1, 'no-internet': 2 } as const
const AGAIN_MS = 1000
/** Recovery is looked for often in the first minutes, and seldom after. */
const BAD_GAP_MS = 5000
const LONG_BAD_GAP_MS = 30_000
const OFTEN = 24
/** Who only ever sends, a camera say, is suspicious for ever, and answered. */
const GOOD_GAP_MS = 5000
const LONGEST_GOOD_GAP_MS = 300_000

export const UNWATCHED: Watched = {
  reach: 'no-address',
  found: 'up',
  failures: 0,
  sent: 0,
  received: 0,
  probeAt: Number.NEGATIVE_INFINITY,
  probedAt: Number.NEGATIVE_INFINITY,
  gapMs: GOOD_GAP_MS,
  probe: false,
}

/**
 * Takes what the kernel shows now. Nothing is sent while answers come to what is sent, or nothing is sent: a probe is
 * asked for when packets go out and none come back.
 */
export function look(before: Watched, sight: Sight, now: number): Watched {
  const { sent, received } = sight
  if (!sight.address || !sight.route) {
    return { ...UNWATCHED, reach: sight.address ? 'no-gateway' : 'no-address', sent, received }
  }
  const reach = before.found
  const newSent = sent - before.sent
  const newReceived = received - before.received
  const keepsPace = newSent >= 0 && newReceived > 0 && newReceived * PACKETS_PER_ANSWER >= newSent
  const rested = now - before.probedAt >= BAD_GAP_MS
  const suspected = before.failures > 0 || sight.otherFails || sight.gatewayFailed
  const due = now >= before.probeAt || (sight.gatewayFailed && before.failures === 0 && rested)
  // A device that was made anew counts from zero.
  if (keepsPace || newSent <= 0 || newReceived < 0) {
    const { silentSince: _, ...rest } = before
    const recovers = keepsPace && before.found !== 'up' && rested
    const calm = keepsPace && before.failures === 0
    return {
      ...rest,
      reach,
      sent,
      received,
      ...(calm
        ? { gapMs: GOOD_GAP_MS, probeAt: Math.min(before.probeAt, before.probedAt + GOOD_GAP_MS) }
        : {}),
      probe: recovers || (suspected && due),
    }
  }
  const silentSince = before.silentSince ?? now
  const silent = now - silentSince >= SUSPECT_MS
  return { ...before, reach, silentSince, probe: (suspected || silent) && due }
}

/** Takes a probe's outcome, and the counters after it: its own packets are no sign of anything. */
export function heard(
  before: Watched,
  found: Found,
  { sent, received }: Pick<Sight, 'sent' | 'received'>,
  now: number,
): Watched {
  const { silentSince: _, ...whole } = before
  const rest = { ...whole, sent, received, probe: false, probedAt: now }
  if (found === 'up') {
    const gapMs = before.found === 'up' ? before.gapMs : GOOD_GAP_MS
    return {
      ...rest,
      reach: 'up',
      found,
      failures: 0,
      probeAt: now + gapMs,
      gapMs: Math.min(gapMs * 2, LONGEST_GOOD_GAP_MS),
    }
  }
  const failures = before.failures + 1
  const verdict = failures >= FAILURES[found] ? found : before.found
  const wait = failures < 2 ? AGAIN_MS : failures < OFTEN ? BAD_GAP_MS : LONG_BAD_GAP_MS
  return { ...rest, reach: verdict, found: verdict, failures, probeAt: now + wait }
}

/** The WAN as a whole: up when either version is, else as far as the better one gets. */
export function wanReach(carrier: boolean, versions: readonly Reach[]): Reach | 'no-carrier' {
  if (!carrier) return 'no-carrier'
  const order = ['up', 'no-internet', 'no-gateway'] as const
  return order.find((reach) => versions.includes(reach)) ?? 'no-address'
}
