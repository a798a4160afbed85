import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { createMiddleware } from 'hono/factory'
import { HTTPException } from 'hono/http-exception'
import { AgentProblem } from '../../agent/requests/client.ts'
import { Action } from '../../agent/requests/request.ts'
import { describe, log } from '../../recorder/log.ts'
import type { ActionResult, AgentRequest } from '../api.ts'
import type { AskOptions, DashboardData } from '../dashboard-data.ts'
import { DataProblem } from '../data-problem.ts'
import {
  ConnectionsQuery,
  EXPORTS,
  ExportFormat,
  type ExportKind,
  NamesQuery,
  QuestionsQuery,
  SearchQuery,
  SpanQuery,
} from '../queries.ts'
import type { DashboardSettings } from '../settings.ts'
import { Attempts } from './attempts.ts'
import { exportAnswers } from './export.ts'
import { type Env, hostGuard, originGuard, refuse } from './guards.ts'
import { knownHosts } from './known-hosts.ts'
import { type LiveOptions, liveAnswers } from './live.ts'
import { answerPage } from './pages.ts'
import { securityHeaders } from './security-headers.ts'
import type { Sessions } from './sessions.ts'
import { sessionCookie, signInRoutes } from './sign-in.ts'
import type { StaticFile } from './static-files.ts'
import { body, problemOf, query } from './validate.ts'

const MAX_BODY_BYTES = 16 * 1024

export interface AppParts {
  readonly settings: DashboardSettings
  readonly data: DashboardData
  readonly sessions: Sessions
  /** The built pages. */
  readonly files: ReadonlyMap<string, StaticFile>
  readonly askAgent: (request: AgentRequest) => Promise<unknown>
  readonly attempts?: Attempts
  readonly heartbeatMs?: LiveOptions['heartbeatMs']
}

/** The dashboard's HTTP application. Nothing but the pages' own files, /api/session and /api/sign-in is for strangers. */
export function dashboardApp(parts: AppParts) {
  const { settings, data, sessions, files, askAgent, attempts = new Attempts(), heartbeatMs } = parts
  const hostOf = knownHosts(settings.names, settings.addresses)
  const live = liveAnswers({
    events: (signal) => data.live(signal),
    ...(heartbeatMs !== undefined && { heartbeatMs }),
  })
  const exported = exportAnswers()
  const signedIn = createMiddleware<Env>(async (c, next) => {
    if (!(await sessions.isValid(sessionCookie(c)))) return refuse(c, 401, 'nobody is signed in')
    return next()
  })

  const api = new Hono<Env>()
    .route('/', signInRoutes(settings, sessions, attempts))
    .use(signedIn)
    .get('/now', async (c) => c.json(await data.now(ask(c))))
    .get('/devices', query(SpanQuery), async (c) => c.json(await data.devices(c.req.valid('query'), ask(c))))
    .get('/devices/:id', query(SpanQuery), async (c) =>
      c.json(await data.device(c.req.param('id'), c.req.valid('query'), ask(c))),
    )
    .get('/names', query(NamesQuery), async (c) => c.json(await data.names(c.req.valid('query'), ask(c))))
    .get('/names/questions', query(QuestionsQuery), async (c) =>
      c.json(await data.questions(c.req.valid('query'), ask(c))),
    )
    .get('/connections', query(ConnectionsQuery), async (c) =>
      c.json(await data.connections(c.req.valid('query'), ask(c))),
    )
    .get('/search', query(SearchQuery), async (c) => c.json(await data.search(c.req.valid('query'), ask(c))))
    .get('/services', async (c) => c.json(await data.services(ask(c))))
    .get('/changes', async (c) => c.json(await data.changes(ask(c))))
    .get('/changes/:a{[1-9][0-9]{0,8}}/:b{[1-9][0-9]{0,8}}', async (c) =>
      c.json(await data.diff(Number(c.req.param('a')), Number(c.req.param('b')), ask(c))),
    )
    .get('/plan', async (c) => c.json(await data.plan(ask(c))))
    .get('/archive', async (c) => c.json(await data.archive(ask(c))))
    .get('/live', (c) => {
      const token = sessionCookie(c)
      const answer = live(c, () => sessions.isValid(token))
      return answer ?? refuse(c, 503, 'too many pages are open', 'close some')
    })
    .get('/export/:kind', (c) => {
      const kind = c.req.param('kind')
      if (!isExport(kind)) return refuse(c, 404, 'there is no such export')
      const format = ExportFormat.safeParse(c.req.query('format'))
      const asked = EXPORTS[kind].safeParse(c.req.query())
      if (!format.success) return refuse(c, 400, problemOf(format.error))
      if (!asked.success) return refuse(c, 400, problemOf(asked.error))
      const rows = data.exportRows(kind, asked.data, format.data, ask(c))
      return (
        exported({ rows, kind, format: format.data, signal: c.req.raw.signal }) ??
        refuse(c, 503, 'other exports are under way', 'wait until they are done')
      )
    })
    .post('/actions', body(Action), async (c) => {
      // Our own host's answer, which it has checked before it sent it.
      return c.json((await askAgent(c.req.valid('json'))) as ActionResult)
    })

  return new Hono<Env>()
    .use(securityHeaders)
    .use(async (c, next) => {
      await next()
      // What is here is of now, and of nobody else's business: also what a browser keeps for its back button.
      if (!c.res.headers.has('cache-control') || c.req.path.startsWith('/api/'))
        c.res.headers.set('cache-control', 'no-store')
    })
    .use(hostGuard(hostOf, settings.names[0] ?? settings.hostname))
    .use(originGuard(hostOf))
    .use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (c) => refuse(c, 413, 'the body is too long') }))
    .route('/api', api)
    .get('*', (c) => answerPage(c, files))
    .notFound((c) => refuse(c, 404, 'there is no such page'))
    .onError((error, c) => {
      // The body is no JSON.
      if (error instanceof HTTPException) return refuse(c, 400, error.message)
      if (error instanceof AgentProblem) return refuse(c, 503, error.message, error.fix)
      if (error instanceof DataProblem) return refuse(c, error.status, error.message, error.fix)
      log('request', `${c.req.method} ${c.req.path.slice(0, 100)}: ${describe(error)}`)
      return refuse(c, 500, 'the router failed at it', 'sekisho logs dashboard')
    })
}

/** For a typed client (hono/client): every path with what it takes and what it answers. */
export type AppType = ReturnType<typeof dashboardApp>

function isExport(kind: string): kind is ExportKind {
  return Object.hasOwn(EXPORTS, kind)
}

/** Whoever is gone need not be answered. */
function ask(c: Context): AskOptions {
  return { signal: c.req.raw.signal }
}
