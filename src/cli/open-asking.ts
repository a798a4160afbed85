import { networkInterfaces } from 'node:os'
import { recordNow } from '../recorder/ask/record-now.ts'
import { DEFAULT_LIMITS } from '../recorder/query/database.ts'
import { datesOf } from '../recorder/query/filter.ts'
import { findPlace } from '../recorder/query/place.ts'
import type { Session } from '../recorder/query/session.ts'
import { PATHS } from '../router/paths.ts'
import { openSession } from './open-session.ts'
import { sayFetch } from './query-options.ts'

/** Years may have to be fetched first. */
const TIMEOUT_MS = 3_600_000

const RECORD_MS = 3000

/**
 * Opens a session for a question about a time, which takes as long as it takes. What this router
 * knows is recorded first, so that the answer has the latest question, and what open connections moved so far.
 */
export async function openAsking(
  data: string | undefined,
  span: { readonly fromMs?: number; readonly toMs?: number },
  signal: AbortSignal,
): Promise<Session> {
  const place = findPlace(data)
  if (data === undefined && (span.toMs === undefined || span.toMs > Date.now()))
    await recordNow(PATHS.run, RECORD_MS)
  return openSession(place, {
    limits: { ...DEFAULT_LIMITS, timeoutMs: TIMEOUT_MS },
    dates: datesOf(span),
    window: span,
    signal,
    onFetch: sayFetch,
  })
}

/** This router's addresses; none when the records are another's. */
export function ownAddresses(data: string | undefined): string[] {
  if (data !== undefined) return []
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address))
}
