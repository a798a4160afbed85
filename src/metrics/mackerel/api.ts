import { readFile } from 'node:fs/promises'
import { printable } from '../../lib/printable.ts'
import { describe } from '../../recorder/log.ts'

/*
 * Requests to Mackerel's API, version 0 (mackerel.io/api-docs): JSON both ways, the key in the header X-Api-Key.
 */

/** What became of a request. */
export type Outcome =
  | { readonly kind: 'done'; readonly body: unknown }
  /** It may work later: the network, the server, its rate limit, or a key that somebody has to mend. */
  | { readonly kind: 'later'; readonly reason: string; readonly afterSecs?: number }
  /** It will never work as it is. */
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string }

const TIMEOUT_MS = 30_000
const MAX_BODY_BYTES = 1024 * 1024
const MAX_REASON = 200
const MAX_AFTER_SECS = 3600
/** 401 and 403 say that the key, or from where it is used, is wrong; whoever mends that gets all that waited. */
const LATER = new Set([401, 403, 408, 425, 429])

/** One server of that API, with the key of a file. */
export class MackerelApi {
  readonly #url: string
  readonly #keyFile: string

  constructor(url: string, keyFile: string) {
    this.#url = url
    this.#keyFile = keyFile
  }

  /** Never throws: what went wrong is in the outcome, and never the key. */
  async request(method: 'GET' | 'POST' | 'PUT', path: string, body?: unknown): Promise<Outcome> {
    const key = await this.#key()
    if (key instanceof Error) return { kind: 'later', reason: key.message }
    try {
      const response = await fetch(`${this.#url}${path}`, {
        method,
        headers: {
          'x-api-key': key,
          'user-agent': 'sekisho',
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        // The key is for this server and for none that it names.
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      return outcomeOf(response, await text(response), (said) => said.replaceAll(key, '…'))
    } catch (error) {
      return { kind: 'later', reason: oneLine(reasonOf(error).replaceAll(key, '…')) }
    }
  }

  async #key(): Promise<string | Error> {
    const found = await readFile(this.#keyFile, 'utf8').catch((error: unknown) => describe(error))
    const key = found.trim()
    // What a header may hold (RFC 9110 section 5.5), and no more than a key is long.
    return /^[\x21-\x7e]{1,256}$/.test(key) ? key : new Error('the file with the API key has no key in it')
  }
}

function outcomeOf(response: Response, body: string, censored: (text: string) => string): Outcome {
  const { status } = response
  if (response.ok) {
    const value = json(body)
    return value === undefined
      ? { kind: 'later', reason: `the server answers ${status} with no JSON` }
      : { kind: 'done', body: value }
  }
  const reason = oneLine(censored(`the server answers ${status}${body === '' ? '' : `: ${body}`}`))
  if (status < 400 || status >= 500 || LATER.has(status)) {
    const afterSecs = retryAfter(response.headers.get('retry-after'))
    return { kind: 'later', reason, ...(afterSecs !== undefined && { afterSecs }) }
  }
  return { kind: 'refused', status, reason }
}

/** RFC 9110 section 10.2.3: seconds, or a date. */
export function retryAfter(header: string | null, now: number = Date.now()): number | undefined {
  if (header === null) return undefined
  const secs = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - now) / 1000
  return Number.isFinite(secs) ? Math.min(Math.max(secs, 0), MAX_AFTER_SECS) : undefined
}

/** The body as far as it is of use; a server that sends without end is not listened to. */
async function text(response: Response): Promise<string> {
  let bytes = 0
  const chunks: Uint8Array[] = []
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new Error('the server answers with more than 1 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function json(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** fetch hides why behind "fetch failed". */
function reasonOf(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? describe(error.cause) : describe(error)
}

function oneLine(said: string): string {
  return printable(said.replaceAll(/\s+/g, ' ').trim()).slice(0, MAX_REASON)
}
