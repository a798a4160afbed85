import { getConnInfo } from '@hono/node-server/conninfo'
import { type Context, Hono } from 'hono'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { z } from 'zod'
import type { SessionReport } from '../api.ts'
import type { DashboardSettings } from '../settings.ts'
import type { Attempts } from './attempts.ts'
import { type Env, refuse } from './guards.ts'
import { takeLink } from './links.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { isPassword, MOST_CHARACTERS } from './password.ts'
import { LONGEST_MS, passwordSetMs, type Sessions } from './sessions.ts'
import { body } from './validate.ts'

/** "__Host-sekisho": a browser takes it over HTTPS alone, and from no other host (RFC 6265bis section 4.1.3.2). */
const COOKIE = 'sekisho'
/** More than that, and each would wait longer than a browser does. */
const MAX_JUDGED = 4

const Proof = z.union([
  // Longer ones in UTF-16 are refused unread: no more than this can be set.
  z.strictObject({ password: z.string().max(2 * MOST_CHARACTERS) }),
  z.strictObject({ link: z.string().max(64) }),
])

export function sessionCookie(c: Context): string | undefined {
  return getCookie(c, COOKIE, 'host')
}

/** Who one is, and how one becomes somebody. */
export function signInRoutes(settings: DashboardSettings, sessions: Sessions, attempts: Attempts) {
  const { stateDirectory, hostname, timezone } = settings
  const judge = oneAtATime(MAX_JUDGED)

  async function report(signedIn: boolean): Promise<SessionReport> {
    const passwordSet = (await passwordSetMs(stateDirectory)) !== undefined
    return { signedIn, passwordSet, hostname, timezone }
  }

  return new Hono<Env>()
    .get('/session', async (c) => c.json(await report(await sessions.isValid(sessionCookie(c)))))
    .post('/sign-in', body(Proof), async (c) => {
      const proof = c.req.valid('json')
      if ('link' in proof) {
        if (!(await takeLink(stateDirectory, proof.link)))
          return refuse(
            c,
            401,
            'the link was used, or is older than ten minutes',
            'make another on the router with sekisho dashboard link',
          )
      } else {
        const address = getConnInfo(c).remote.address ?? ''
        const waitMs = attempts.begin(address)
        if (waitMs > 0) {
          const seconds = Math.ceil(waitMs / 1000)
          c.header('retry-after', String(seconds))
          return refuse(c, 429, `too many wrong passwords: wait ${seconds} s`)
        }
        const judged = judge(() => isPassword(stateDirectory, proof.password))
        if (judged === undefined) return refuse(c, 503, 'others are signing in', 'try again')
        if (!(await judged)) return refuse(c, 401, 'this is not the password')
        attempts.succeeded(address)
      }
      // Never the session that the browser came with: somebody else may know that one.
      const before = sessionCookie(c)
      if (before !== undefined) await sessions.end(before)
      setCookie(c, COOKIE, await sessions.begin(), {
        prefix: 'host',
        secure: true,
        httpOnly: true,
        sameSite: 'Strict',
        path: '/',
        maxAge: LONGEST_MS / 1000,
      })
      return c.json(await report(true))
    })
    .post('/sign-out', async (c) => {
      const token = sessionCookie(c)
      if (token !== undefined) await sessions.end(token)
      deleteCookie(c, COOKIE, { prefix: 'host', secure: true, path: '/' })
      return c.json(await report(false))
    })
}
