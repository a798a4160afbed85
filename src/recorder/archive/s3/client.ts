import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { base64, type FileHash } from '../file-hash.ts'
import type { S3Settings } from '../settings.ts'
import type { Credentials } from './credentials.ts'
import { judge, S3Failure } from './failure.ts'
import { type ListedObject, parseList } from './list.ts'
import { readText, type S3Request, send, type Timeouts, timeoutsFor } from './request.ts'

/** What an object says about itself; `sha256` is metadata that we gave it. */
export interface ObjectHead {
  readonly bytes: number
  readonly sha256?: string
}

export type RequestName = 'put' | 'get' | 'head' | 'list'

export interface S3ClientOptions {
  readonly settings: S3Settings
  readonly credentials: Credentials
  /** Called for each request that was begun, with the bytes of its body. */
  readonly onRequest?: (name: RequestName, bytes: number) => void
  /** Called now and then while a body is on its way. */
  readonly onProgress?: () => void
  readonly now?: () => number
  /** In place of timeoutsFor(bytes). */
  readonly timeouts?: (bytes: number) => Timeouts
}

const EMPTY_SHA256 = createHash('sha256').digest('hex')
/** Beyond it S3 wants the parts of a multipart upload. */
const MAX_PUT_BYTES = 5 * 2 ** 30
const MAX_ERROR_BYTES = 64 * 1024
const MAX_LIST_BYTES = 4 * 2 ** 20
const PROGRESS_MS = 5000

/** The few requests that the archive needs, at Amazon or a compatible service. Every failure is an S3Failure. */
export class S3Client {
  readonly #options: S3ClientOptions
  #lastProgress = 0

  constructor(options: S3ClientOptions) {
    this.#options = options
  }

  /**
   * Puts a file as an object, and resolves when the server's own checksum of it equals ours: S3 answers with it, or
   * with the MD5 as the ETag, else HEAD is asked.
   */
  async putFile(key: string, path: string, hash: FileHash): Promise<void> {
    if (hash.bytes > MAX_PUT_BYTES) {
      const GiB = (hash.bytes / 2 ** 30).toFixed(1)
      throw new S3Failure('user', `PUT ${key}: ${GiB} GiB is more than the 5 GiB that one request may bring`)
    }
    const { settings } = this.#options
    const headers = {
      'content-md5': base64(hash.md5),
      'content-type': key.endsWith('.gz') ? 'application/gzip' : 'application/vnd.apache.parquet',
      'x-amz-content-sha256': hash.sha256,
      'x-amz-checksum-sha256': base64(hash.sha256),
      'x-amz-meta-sha256': hash.sha256,
      ...(settings.serverSideEncryption && { 'x-amz-server-side-encryption': settings.serverSideEncryption }),
      ...(settings.kmsKeyId !== undefined && {
        'x-amz-server-side-encryption-aws-kms-key-id': settings.kmsKeyId,
      }),
    }
    const body = { open: () => createReadStream(path, { end: hash.bytes - 1 }), bytes: hash.bytes }
    const verified = await this.#send('PUT', key, { headers, body }, async (answer) => {
      await readText(answer, MAX_ERROR_BYTES)
      return vouches(answer, hash)
    })
    if (verified) return
    const again = await this.#send('HEAD', key, { headers: { 'x-amz-checksum-mode': 'ENABLED' } }, (answer) =>
      Promise.resolve(vouches(answer, hash)),
    )
    if (!again)
      throw new S3Failure('retry', `PUT ${key}: what the server stored has another checksum, or none`)
  }

  head(key: string): Promise<ObjectHead> {
    return this.#send('HEAD', key, {}, (answer) => Promise.resolve(headOf(answer)))
  }

  /** Copies an object to a file; one that is cut short or does not match its checksum fails. */
  getFile(key: string, path: string, expectedBytes: number): Promise<ObjectHead> {
    return this.#send('GET', key, { expectedBytes }, async (answer) => {
      const head = headOf(answer)
      const sha256 = createHash('sha256')
      const progress = this.#progress
      await pipeline(
        answer,
        async function* (chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            sha256.update(chunk)
            progress()
            yield chunk
          }
        },
        createWriteStream(path, { flush: true }),
      )
      if (head.sha256 !== undefined && sha256.digest('hex') !== head.sha256)
        throw new S3Failure('retry', `GET ${key}: the object does not match its checksum`)
      return head
    })
  }

  /** The objects whose keys begin with the prefix; S3 gives a page of at most 1000 at a time. */
  async *list(prefix: string): AsyncGenerator<ListedObject> {
    let token: string | undefined
    do {
      const query = {
        'list-type': '2',
        'encoding-type': 'url',
        prefix,
        ...(token !== undefined && { 'continuation-token': token }),
      }
      const xml = await this.#send('GET', '', { query }, (answer) => readText(answer, MAX_LIST_BYTES))
      const page = parseList(xml)
      yield* page.objects
      token = page.next
    } while (token !== undefined)
  }

  readonly #progress = (): void => {
    if (performance.now() - this.#lastProgress < PROGRESS_MS) return
    this.#lastProgress = performance.now()
    this.#options.onProgress?.()
  }

  async #send<T>(
    method: S3Request['method'],
    key: string,
    more: {
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: S3Request['body']
      readonly query?: Readonly<Record<string, string>>
      readonly expectedBytes?: number
    },
    read: (answer: IncomingMessage) => Promise<T>,
  ): Promise<T> {
    const { settings, credentials, onRequest, now = Date.now, timeouts = timeoutsFor } = this.#options
    const { headers, body, query, expectedBytes = 0 } = more
    const url = addressOf(settings, key)
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value)
    const what = query ? `LIST ${query.prefix ?? ''}` : `${method} ${key}`
    onRequest?.(
      query ? 'list' : method === 'PUT' ? 'put' : method === 'GET' ? 'get' : 'head',
      body?.bytes ?? 0,
    )
    return send(
      {
        what,
        method,
        url,
        region: settings.region,
        credentials,
        headers: { 'x-amz-content-sha256': EMPTY_SHA256, ...headers },
        ...(body && { body }),
        now: now(),
        timeouts: timeouts(body?.bytes ?? expectedBytes),
        onBytes: this.#progress,
      },
      async (answer) => {
        const status = answer.statusCode ?? 0
        if (status === 200) return read(answer)
        const text = method === 'HEAD' ? '' : await readText(answer, MAX_ERROR_BYTES).catch(() => '')
        throw judge(what, { status, headers: answer.headers, body: text }, now())
      },
    )
  }
}

/** Where an object lies: the bucket in the path, or before the host name. */
export function addressOf({ endpoint, bucket, pathStyle }: S3Settings, key: string): URL {
  const url = new URL(endpoint)
  if (!pathStyle) url.hostname = `${bucket}.${url.hostname}`
  const path = key.split('/').map(encodeURIComponent).join('/')
  url.pathname = pathStyle ? `/${bucket}/${path}` : `/${path}`
  return url
}

/** Whether the answer has a checksum that the server made of what it stored, and it is ours. */
function vouches({ headers }: IncomingMessage, hash: FileHash): boolean {
  const sha256 = headers['x-amz-checksum-sha256']
  if (typeof sha256 === 'string') return sha256 === base64(hash.sha256)
  return headers.etag?.replace(/^(W\/)?"|"$/g, '') === hash.md5
}

function headOf({ headers }: IncomingMessage): ObjectHead {
  const sha256 = String(headers['x-amz-meta-sha256'] ?? '')
  return {
    bytes: Number(headers['content-length'] ?? 0),
    ...(/^[0-9a-f]{64}$/.test(sha256) && { sha256 }),
  }
}
