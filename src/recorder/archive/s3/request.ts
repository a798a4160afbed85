import http from 'node:http'
import https from 'node:https'
import type { Readable } from 'node:stream'
import { AwsV4Signer } from 'aws4fetch'
import type { Credentials } from './credentials.ts'
import { broken, S3Failure } from './failure.ts'

export interface S3Request {
  /** In words, for errors. */
  readonly what: string
  readonly method: 'PUT' | 'GET' | 'HEAD' | 'POST'
  readonly url: URL
  readonly region: string
  /** What the signature is for; "s3" unless told. */
  readonly service?: 's3' | 'iam'
  readonly credentials: Credentials
  /** `x-amz-content-sha256` must be among them. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: { readonly open: () => Readable; readonly bytes: number }
  /** Epoch milliseconds, for the signature. */
  readonly now: number
  readonly timeouts: Timeouts
  /** Called for each piece of the body that is sent. */
  readonly onBytes?: () => void
}

export interface Timeouts {
  readonly connectMs: number
  /** Without a byte in either direction. */
  readonly idleMs: number
  readonly totalMs: number
}

/** Enough for a line of 100 KB/s, and a minute. */
export function timeoutsFor(bytes: number): Timeouts {
  return { connectMs: 10_000, idleMs: 30_000, totalMs: 60_000 + bytes / 100 }
}

/** A server that does not know "Expect: 100-continue" gets the body after this. */
const CONTINUE_MS = 1000

/**
 * Signs and sends one request (AWS Signature Version 4) with a body streamed from the disk, and resolves with the
 * answer's head: read its body before `done`. Rejects with an S3Failure when no answer came in time.
 *
 * node:http and not fetch: S3 wants a Content-Length, and fetch sends a stream in chunks.
 */
export async function send<T>(
  request: S3Request,
  read: (answer: http.IncomingMessage) => Promise<T>,
): Promise<T> {
  const { what } = request
  const { headers } = await new AwsV4Signer({
    ...request.credentials,
    method: request.method,
    url: request.url.href,
    headers: { ...request.headers },
    service: request.service ?? 's3',
    region: request.region,
    datetime: new Date(request.now).toISOString().replace(/[:-]|\.\d{3}/g, ''),
  }).sign()

  const { body, timeouts } = request
  const outgoing = (request.url.protocol === 'https:' ? https : http).request(request.url, {
    method: request.method,
    headers: {
      ...Object.fromEntries(headers),
      ...(body && { 'content-length': body.bytes, ...(body.bytes > 0 && { expect: '100-continue' }) }),
    },
    agent: false,
  })
  let stream: Readable | undefined
  const sendBody = (): void => {
    if (stream || outgoing.destroyed) return
    clearTimeout(waiting)
    stream = body?.open()
    stream?.on('error', (error) => outgoing.destroy(error))
    if (request.onBytes) stream?.on('data', request.onBytes)
    stream?.pipe(outgoing)
  }
  const fail = (why: string) => () => outgoing.destroy(new S3Failure('retry', `${what}: ${why}`))
  const timers = [
    setTimeout(fail(`no connection within ${timeouts.connectMs / 1000} s`), timeouts.connectMs),
    setTimeout(fail(`not done after ${Math.round(timeouts.totalMs / 1000)} s`), timeouts.totalMs),
  ]
  const waiting = setTimeout(() => {
    if (body && body.bytes > 0 && outgoing.socket?.connecting === false) sendBody()
  }, CONTINUE_MS)
  outgoing.setTimeout(timeouts.idleMs, fail(`silent for ${timeouts.idleMs / 1000} s`))

  try {
    return await new Promise<T>((resolve, reject) => {
      outgoing.once('socket', (socket) => {
        const connected = (): void => {
          clearTimeout(timers[0])
          waiting.refresh()
        }
        socket.once(request.url.protocol === 'https:' ? 'secureConnect' : 'connect', connected)
      })
      outgoing.once('continue', sendBody)
      outgoing.once('response', (answer) => {
        // An answer before the end of the body is a refusal: nothing more need be sent.
        stream?.unpipe(outgoing)
        // What goes wrong with the answer, the answer tells. (Swift sends a body after HEAD.)
        outgoing.off('error', reject).on('error', () => {})
        read(answer).then(resolve, reject)
      })
      outgoing.on('error', reject)
      if (body && body.bytes > 0) outgoing.flushHeaders()
      else outgoing.end()
    })
  } catch (error) {
    throw broken(what, error)
  } finally {
    for (const timer of [...timers, waiting]) clearTimeout(timer)
    stream?.destroy()
    outgoing.on('error', () => {})
    outgoing.destroy()
  }
}

/** The whole body, up to a limit; a cut one throws. */
export async function readText(answer: http.IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > limit) throw new S3Failure('retry', `an answer of more than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
