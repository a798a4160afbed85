import { once } from 'node:events'
import http from 'node:http'

interface Statement {
  readonly Action: readonly string[]
  readonly Resource: readonly string[]
  readonly Condition?: { readonly StringLike?: { readonly 's3:prefix'?: readonly string[] } }
}

/** A policy as `sekisho archive policy` prints it. */
export interface Policy {
  readonly Statement: readonly Statement[]
}

/**
 * Stands before an S3 server that lets anybody do anything, and lets through what a policy allows (IAM User Guide, "Policy
 * evaluation logic": nothing is allowed but what is): the server that a test needs and no local one is.
 */
export class PolicyGuard {
  readonly #server: http.Server
  policy: Policy

  private constructor(target: string, policy: Policy) {
    this.policy = policy
    this.#server = http.createServer((request, response) => {
      if (!this.#allows(request)) {
        request.resume()
        response.writeHead(403, { 'content-type': 'application/xml' })
        response.end('<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>')
        return
      }
      const { method, headers, url = '/' } = request
      const onward = http.request(new URL(url, target), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      })
      onward.on('error', () => response.destroy())
      request.pipe(onward)
    })
  }

  static async start(target: string, policy: Policy): Promise<PolicyGuard> {
    const guard = new PolicyGuard(target, policy)
    guard.#server.listen(0, '127.0.0.1')
    await once(guard.#server, 'listening')
    return guard
  }

  get endpoint(): string {
    const address = this.#server.address()
    if (typeof address !== 'object' || address === null) throw new Error('it does not listen')
    return `http://127.0.0.1:${address.port}`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #allows({ method, url = '/' }: http.IncomingMessage): boolean {
    const { pathname, searchParams } = new URL(url, 'http://s3')
    const [, bucket = '', ...rest] = pathname.split('/').map(decodeURIComponent)
    const key = rest.join('/')
    const arn = `arn:aws:s3:::${bucket}${key === '' ? '' : `/${key}`}`
    // HEAD of an object needs GetObject (Amazon S3 API Reference, HeadObject).
    const action = key === '' ? 's3:ListBucket' : method === 'PUT' ? 's3:PutObject' : 's3:GetObject'
    return this.policy.Statement.some(
      ({ Action, Resource, Condition }) =>
        Action.includes(action) &&
        Resource.some((pattern) => like(pattern, arn)) &&
        (Condition?.StringLike?.['s3:prefix']?.some((pattern) =>
          like(pattern, searchParams.get('prefix') ?? ''),
        ) ??
          true),
    )
  }
}

function like(pattern: string, text: string): boolean {
  return pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern
}
