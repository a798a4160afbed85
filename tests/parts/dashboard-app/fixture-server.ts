import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { ActionResult, ErrorReport, SessionReport } from '../../../src/dashboard/api.ts'
import { fixture, liveConnection, questions, ratesAt } from './fixture.ts'

/*
 * The built pages with the policy that the real server has, and answers of a made-up household. It is a stand-in for
 * looking at pages, and says nothing about the server.
 */

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}
export const PASSWORD = 'correct horse'
export const LINK = 'a1b2c3'
/** Of live rates: what a page that was just opened is given at once, so that its chart has a past. */
const PAST_SECONDS = 120

export interface FixtureServer {
  readonly url: string
  /** What was posted, the path and the body. */
  readonly posts: { readonly path: string; readonly body: unknown }[]
  /** Who asks is signed in, or not. */
  signedIn: boolean
  close(): Promise<void>
}

export async function fixtureServer(folder: string, port = 0): Promise<FixtureServer> {
  const posts: FixtureServer['posts'] = []
  const state = { signedIn: true, url: '', posts, close }
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : undefined)
    })
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost')
    response.setHeader('content-security-policy', POLICY)
    response.setHeader('x-content-type-options', 'nosniff')
    if (!url.pathname.startsWith('/api/')) return sendFile(folder, url.pathname, response)
    if (request.method === 'POST') {
      const body: unknown = JSON.parse(await text(request))
      posts.push({ path: url.pathname, body })
      const [status, value] = posted(url.pathname, body as Record<string, string>)
      return sendJson(response, status, value)
    }
    if (url.pathname === '/api/session') return sendJson(response, 200, session())
    if (!state.signedIn)
      return sendJson(response, 401, { error: 'nobody is signed in' } satisfies ErrorReport)
    if (url.pathname === '/api/live') return live(response)
    if (url.pathname.startsWith('/api/export/')) {
      response.setHeader('content-disposition', 'attachment; filename="rows.csv"')
      response.end('time,name\n')
      return
    }
    const value = got(url)
    if (value === undefined) return sendJson(response, 404, { error: 'there is no such device' })
    return sendJson(response, 200, value)
  }

  function session(): SessionReport {
    return { signedIn: state.signedIn, passwordSet: true, hostname: 'gate', timezone: 'Asia/Tokyo' }
  }

  function posted(path: string, body: Record<string, string>): [number, unknown] {
    if (path === '/api/sign-out') state.signedIn = false
    if (path === '/api/sign-in') {
      if (body.password !== PASSWORD && body.link !== LINK)
        return [401, { error: 'this is not the password' }]
      state.signedIn = true
    }
    if (path === '/api/actions') return [200, acted(body)]
    return [200, session()]
  }

  async function close(): Promise<void> {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return state
}

function acted({ action, name }: Record<string, string>): ActionResult {
  if (action === 'rename' && name === 'nas')
    return { ok: false, problem: 'another device is called nas', fix: 'choose another name' }
  return { ok: true, generation: 15, summary: `${action} ${name ?? ''}` }
}

function got(url: URL): unknown {
  const now = Date.now()
  const number = (name: string, otherwise: number): number => Number(url.searchParams.get(name) ?? otherwise)
  const span = { fromMs: number('fromMs', now - 86_400_000), toMs: number('toMs', now) }
  const all = fixture(now)
  const path = decodeURIComponent(url.pathname.slice('/api/'.length))
  if (path.startsWith('devices/')) return all.device(path.slice('devices/'.length), span)
  if (path.startsWith('changes/')) return all.diff
  switch (path) {
    case 'names':
      return all.names(span)
    case 'names/questions':
      return all.questions
    case 'search':
      return all.search(span, url.searchParams.get('text') ?? '', url.searchParams.get('kind'))
    case 'now':
    case 'devices':
    case 'connections':
    case 'services':
    case 'changes':
    case 'plan':
    case 'archive':
      return all[path]
  }
  return undefined
}

function live(response: ServerResponse): void {
  response.setHeader('content-type', 'text/event-stream')
  const send = (event: string, data: unknown): void => {
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  }
  const now = Date.now()
  for (let before = PAST_SECONDS; before >= 0; before -= 1) send('rates', ratesAt(now - before * 1000))
  send('wan', { ipv4: 'up', ipv6: 'up' })
  const timer = setInterval(() => {
    const time = Date.now()
    const [question] = questions(time)
    send('rates', ratesAt(time))
    if (question !== undefined) send('question', { ...question, name: 'live.example.org' })
    send('connection', liveConnection(time))
  }, 1000)
  response.on('close', () => clearInterval(timer))
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}

async function sendFile(folder: string, path: string, response: ServerResponse): Promise<void> {
  // Of a folder of ours, asked for by a browser of ours.
  const file = join(folder, path.startsWith('/assets/') ? path : 'index.html')
  const found = await stat(file).catch(() => undefined)
  if (found === undefined) {
    response.writeHead(404).end()
    return
  }
  response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream')
  createReadStream(file).pipe(response)
}
