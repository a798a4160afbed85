import { PPPOE_UNIT } from '../router/ppp-session.ts'

/** What may bring a WAN back that is up and carries nothing. */
export type Remedy = 'renew' | 'reconnect'

/** What was tried; times are milliseconds on one monotonic clock. */
export interface Tried {
  /** Since when the WAN carries nothing. */
  readonly badSince?: number
  readonly times: number
  readonly at: number
}

/** A provider's short outage mends itself. */
const PATIENCE_MS = 20_000
export const LEAST_GAP_MS = 300_000
const LONGEST_GAP_MS = 3_600_000
export const NOTHING_TRIED: Tried = { times: 0, at: Number.NEGATIVE_INFINITY }

/**
 * Whether to do something about it now: first a lease is renewed, which a working connection does not notice; then the
 * link is set up anew, if nothing passes (`dead`) that could suffer from it. At least five minutes lie between two, and
 * twice as many each time, up to an hour, until it was good for an hour.
 */
export function nextRemedy(
  before: Tried,
  state: 'good' | 'bad' | 'dead',
  now: number,
): { readonly tried: Tried; readonly remedy?: Remedy } {
  if (state === 'good') {
    const { badSince: _, ...rest } = before
    return { tried: now - before.at >= LONGEST_GAP_MS ? NOTHING_TRIED : rest }
  }
  const badSince = before.badSince ?? now
  const gap = before.times === 0 ? 0 : Math.min(LEAST_GAP_MS * 2 ** (before.times - 1), LONGEST_GAP_MS)
  if (now - badSince < PATIENCE_MS || now - before.at < gap) return { tried: { ...before, badSince } }
  const remedy = state === 'dead' && before.times % 2 === 1 ? 'reconnect' : 'renew'
  return { tried: { badSince, times: before.times + 1, at: now }, remedy }
}

/** The command for it on a WAN of this mode, as an argument vector; none where nothing helps. */
export function remedyCommand(mode: string, remedy: Remedy, device: string): readonly string[] | undefined {
  if (mode === 'dhcp') return ['networkctl', remedy === 'renew' ? 'renew' : 'reconfigure', device]
  // LCP echoes find a dead peer; this is for one that answers and carries nothing.
  if (mode === 'pppoe') return ['systemctl', 'restart', PPPOE_UNIT]
  return undefined
}
