import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { ErrorReport } from '../api.ts'
import type { AskedHost } from './known-hosts.ts'

export interface Env {
  readonly Bindings: HttpBindings
}

type Status = 400 | 401 | 403 | 404 | 405 | 409 | 413 | 415 | 421 | 429 | 500 | 503

/** Any error of the API. */
export function refuse(c: Context, status: Status, error: string, fix?: string) {
  return c.json({ error, ...(fix !== undefined && { fix }) } satisfies ErrorReport, status)
}

/** Answers only who asks for the router by a name or an address that it has: 421 for any other (RFC 9110 section 15.5.20). */
export function hostGuard(hostOf: (header: string | undefined) => AskedHost | undefined, name: string) {
  return createMiddleware<Env>(async (c, next) => {
    if (hostOf(c.req.header('host')) === undefined)
      return refuse(c, 421, 'this is not the host that was asked for', `open https://${name}/`)
    await next()
  })
}

/**
 * What changes something is asked for by our own pages alone: the header Origin is there and our own (RFC 6454), and the
 * body is JSON, which no form of another site can send. A browser that says where a request for the API comes from
 * (Fetch Metadata, Sec-Fetch-Site) has to say that it is from here, or typed by somebody.
 */
export function originGuard(hostOf: (header: string | undefined) => AskedHost | undefined) {
  return createMiddleware<Env>(async (c, next) => {
    const { method } = c.req
    const isApi = c.req.path.startsWith('/api/')
    // No HEAD there: it would begin a live feed, or an export, that nobody reads.
    const methods = isApi ? ['GET', 'POST'] : ['GET', 'HEAD']
    if (!methods.includes(method)) {
      c.header('allow', methods.join(', '))
      return refuse(c, 405, `${method.slice(0, 20)} is not done here`)
    }
    const site = c.req.header('sec-fetch-site') ?? 'same-origin'
    if (isApi && site !== 'same-origin' && site !== 'none') return refuse(c, 403, 'another site asks')
    if (method !== 'POST') return next()
    const host = hostOf(c.req.header('host'))
    if (host === undefined || c.req.header('origin') !== `https://${host.authority}`)
      return refuse(c, 403, 'the request does not come from this page')
    const type = c.req.header('content-type') ?? ''
    if (!/^application\/json\s*(;|$)/i.test(type)) return refuse(c, 415, 'the body is not application/json')
    return next()
  })
}
