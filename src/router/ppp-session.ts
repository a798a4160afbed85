import { isIP } from 'node:net'
import { PATHS } from './paths.ts'

/** The unit that keeps the session up. */
export const PPPOE_UNIT = 'sekisho-pppoe.service'
export const PPP_RUN = `${PATHS.run}/ppp`
/** Lines of NAME=VALUE that pppoe.sh and pppoe-up.sh write (see render/pppoe.ts); it is there while the unit runs. */
export const PPP_SESSION = `${PPP_RUN}/session`

/** What becomes of the PPPoE session. */
export interface PppSession {
  readonly state: 'no-carrier' | 'connecting' | 'up' | 'waiting'
  /** When that began, ISO 8601; absent when the file does not say. */
  readonly since?: string
  /** Our address, the provider's, and the provider's resolvers, while it is up. */
  readonly local?: string
  readonly peer?: string
  readonly dns: readonly string[]
  /** MAC address of the access concentrator. */
  readonly concentrator?: string
  /** How the last try ended: pppd's exit code in words. */
  readonly problem?: string
  /** How many tries in a row have failed. */
  readonly failures: number
  /** Seconds from `since` until the next try. */
  readonly retrySecs?: number
}

/** pppd(8), EXIT STATUS. */
const ENDS: Readonly<Record<string, string>> = {
  '1': 'the provider did not answer, or the session could not be set up',
  '2': 'pppd does not understand its options',
  '4': 'this kernel has no PPPoE',
  '5': 'pppd was told to end',
  '7': 'no access concentrator answered on the port',
  '8': 'no access concentrator answered on the port',
  '10': 'the provider and this router agreed on no protocol',
  '15': 'the provider gave no sign of life any more',
  '16': 'the provider ended the session',
  '17': 'the line is looped back to itself',
  '19': 'the provider refused the user name or the password',
  '127': 'pppd is not installed',
  'password-file': 'the password file is missing, or its first line is empty',
}

/** Reads a session file; undefined when it is none. */
export function parsePppSession(text: string): PppSession | undefined {
  const values = new Map(
    text.split('\n').map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, Math.max(0, at)), line.slice(at + 1)]
    }),
  )
  const state = (['no-carrier', 'connecting', 'up', 'waiting'] as const).find(
    (known) => known === values.get('state'),
  )
  if (state === undefined) return undefined
  const address = (key: string) => {
    const value = values.get(key) ?? ''
    return isIP(value) === 0 ? undefined : value
  }
  const count = (key: string) => {
    const value = values.get(key) ?? ''
    return /^\d{1,10}$/.test(value) ? Number(value) : undefined
  }
  const since = count('since')
  const local = address('local')
  const peer = address('peer')
  const concentrator = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.exec(values.get('concentrator') ?? '')?.[0]
  const exit = values.get('exit')
  const retrySecs = count('retry_secs')
  return {
    state,
    ...(since !== undefined && { since: new Date(since * 1000).toISOString() }),
    ...(local !== undefined && { local }),
    ...(peer !== undefined && { peer }),
    dns: [...new Set((values.get('dns') ?? '').split(' ').filter((word) => isIP(word) !== 0))],
    ...(concentrator !== undefined && { concentrator: concentrator.toLowerCase() }),
    ...(exit !== undefined && { problem: problemOf(exit) }),
    failures: count('failures') ?? 0,
    ...(retrySecs !== undefined && { retrySecs }),
  }
}

function problemOf(exit: string): string {
  return ENDS[exit] ?? `pppd ended with ${/^\d{1,3}$/.test(exit) ? `code ${exit}` : 'no code'}`
}

/** A session in words, for status. */
export function describePppSession({ state, local, peer, problem, retrySecs, since }: PppSession): string {
  const because = problem === undefined ? '' : `: ${problem}`
  switch (state) {
    case 'no-carrier':
      return 'no cable, or nothing at its other end'
    case 'connecting':
      return `connects${problem === undefined ? '' : `; last time${because}`}`
    case 'up':
      return `${local ?? 'no IPv4'} from ${peer ?? 'the provider'}${since === undefined ? '' : `, since ${since}`}`
    case 'waiting':
      return `down${because}${retrySecs === undefined ? '' : `; tries again after ${retrySecs} s`}`
  }
}
