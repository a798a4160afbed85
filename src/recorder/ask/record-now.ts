import { join } from 'node:path'
import { request } from '../../lib/requests.ts'

/**
 * Where the recorder and the watchers wait for those who want to have on record what they know so far, below the directory of
 * status files. A connection gets its name by the answers of DNS that were seen before: those are asked first.
 */
const SOCKETS = [['watch/dns.sock'], ['watch/flows.sock', 'recorder/recorder.sock']]

/** Has what this router knows recorded; resolves when it is, or when nobody does it within so many milliseconds a turn. */
export async function recordNow(run: string, patienceMs: number): Promise<void> {
  for (const turn of SOCKETS) await Promise.all(turn.map((name) => request(join(run, name), patienceMs)))
}
