/**
 * Why a request to S3 did not do what it should. `retry`: by itself it may be over soon (network, overload, a cut answer).
 * `user`: somebody must do something (a wrong key, no such bucket, the clock). `absent`: there is no such object.
 */
export class S3Failure extends Error {
  readonly kind: 'retry' | 'user' | 'absent'
  /** HTTP status; 0 when there was no whole answer. */
  readonly status: number

  constructor(kind: S3Failure['kind'], message: string, status = 0) {
    super(message)
    this.name = 'S3Failure'
    this.kind = kind
    this.status = status
  }
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The beginning of the body. */
  readonly body: string
}

/** Codes of S3 that mean "again, later" although their status says otherwise. */
const TRANSIENT = new Set([
  'RequestTimeout',
  'BadDigest',
  'InvalidDigest',
  'XAmzContentSHA256Mismatch',
  'IncompleteBody',
  'OperationAborted',
  'SlowDown',
])

/** Judges an answer that is no success. `what` is the request in words: "PUT day.parquet". */
export function judge(what: string, { status, headers, body }: Answer, now: number): S3Failure {
  const code = textOf(body, 'Code')
  const said = [code, textOf(body, 'Message')].filter((text) => text !== '').join(': ')
  const message = `${what}: ${status}${said === '' ? '' : ` ${said}`}`
  const failure = (kind: S3Failure['kind'], hint = ''): S3Failure =>
    new S3Failure(kind, hint === '' ? message : `${message}. Fix: ${hint}`, status)

  if (code === 'RequestTimeTooSkewed' || code === 'RequestExpired') {
    const theirs = Date.parse(String(headers.date ?? ''))
    const skew = Number.isFinite(theirs) ? ` by ${Math.round((now - theirs) / 1000)} s` : ''
    return failure(
      'user',
      `the clock of this router is off${skew}: see that it has the time (chronyc tracking)`,
    )
  }
  if (status >= 500 || status === 429 || status === 408 || TRANSIENT.has(code)) return failure('retry')
  if (status === 404 && code === 'NoSuchBucket')
    return failure('user', 'create the bucket, or correct its name')
  if (status === 404) return failure('absent')
  if (status === 301 || status === 307 || code === 'AuthorizationHeaderMalformed') {
    const region = String(headers['x-amz-bucket-region'] ?? textOf(body, 'Region'))
    return failure('user', `the bucket is in another region${clean(region) && `, ${clean(region)}`}`)
  }
  if (code === 'InvalidAccessKeyId' || code === 'SignatureDoesNotMatch')
    return failure('user', 'correct the access key in credentials_file')
  if (code === 'ExpiredToken') return failure('user', 'renew the session token in credentials_file')
  if (status === 403)
    return failure('user', 'the key needs what "sekisho archive policy" prints, and the bucket must allow it')
  return failure('user')
}

/** A failure below HTTP: no name, no route, no answer, a cut one, a certificate that does not hold. */
export function broken(what: string, error: unknown): S3Failure {
  if (error instanceof S3Failure) return error
  const { code = '', message = String(error) } = error as { code?: string; message?: string }
  const certificate = /^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(code)
  return new S3Failure(certificate ? 'user' : 'retry', `${what}: ${clean(message || code)}`)
}

/** The text of the first element of that name; S3's errors are flat XML. */
export function textOf(xml: string, name: string): string {
  return clean(new RegExp(`<${name}>([^<]{0,1024})</${name}>`).exec(xml)?.[1] ?? '')
}

function clean(text: string): string {
  return text
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim()
    .replace(/\.$/, '')
    .slice(0, 200)
}
