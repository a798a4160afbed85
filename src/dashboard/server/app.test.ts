import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { hc } from 'hono/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cookieOf, dashboardBed } from '../../../tests/dashboard-bed.ts'
import { fakeDashboardData } from '../../../tests/fake-dashboard-data.ts'
import { AgentProblem } from '../../agent/requests/client.ts'
import type { NamesReport } from '../api.ts'
import { DataProblem } from '../data-problem.ts'
import type { AppType } from './app.ts'
import { newLink } from './links.ts'

const PASSWORDS_WAIT = 60_000
const { data, asked } = fakeDashboardData({
  device: async (id) => {
    throw new DataProblem(404, `there was never a device ${id}`, 'look at the list')
  },
})
const acted: unknown[] = []
let bed: Awaited<ReturnType<typeof dashboardBed>>
let cookie: string

beforeAll(async () => {
  bed = await dashboardBed(data, async (request) => {
    acted.push(request)
    if ('action' in request && request.action === 'resume')
      throw new AgentProblem('the host cannot be asked', 'sekisho status')
    return { ok: true, generation: 7, summary: 'renamed' }
  })
  const signedIn = await bed.signIn({ link: await newLink(bed.stateDirectory) })
  cookie = cookieOf(signedIn) ?? ''
}, PASSWORDS_WAIT)
afterAll(() => bed.stop())

describe('of the API', () => {
  const DAY = 'fromMs=1000&toMs=2000'
  const SPAN = { fromMs: 1000, toMs: 2000 }
  it.each([
    ['/api/now', ['now']],
    [`/api/devices?${DAY}`, ['devices', SPAN]],
    [`/api/names?${DAY}&text=example.org`, ['names', { ...SPAN, text: 'example.org', limit: 50 }]],
    [`/api/names/questions?${DAY}&limit=9`, ['questions', { ...SPAN, limit: 9 }]],
    [`/api/connections?${DAY}&port=443`, ['connections', { ...SPAN, port: 443, limit: 50 }]],
    [`/api/search?${DAY}&text=x`, ['search', { ...SPAN, text: 'x', limit: 50 }]],
    ['/api/services', ['services']],
    ['/api/changes', ['changes']],
    ['/api/changes/3/12', ['diff', 3, 12]],
    ['/api/plan', ['plan']],
    ['/api/archive', ['archive']],
  ])('%s is asked for with what was typed', async (path, expected) => {
    asked.length = 0
    const answer = await bed.ask({ path, cookie })
    expect([answer.status, answer.text]).toEqual([200, JSON.stringify({ method: expected[0] })])
    expect(asked).toEqual([expected])
    expect(answer.headers['cache-control']).toBe('no-store')
  })

  it.each([
    ['/api/devices?fromMs=2&toMs=1', 400],
    ['/api/names/questions?limit=1000000', 400],
    ['/api/connections?port=70000', 400],
    ['/api/changes/0/1', 404],
    ['/api/changes/a/b', 404],
    ['/api/export/passwords', 404],
    ['/api/export/names?format=exe', 400],
    ['/api/none', 404],
  ])('%s is refused with %i, and nobody is asked', async (path, status) => {
    asked.length = 0
    const answer = await bed.ask({ path, cookie })
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.text)).toMatchObject({ error: expect.stringMatching(/./) })
    expect(asked).toEqual([])
  })

  it('says what a reader can do about it', async () => {
    const { status, text } = await bed.ask({ path: '/api/devices/02%3A00', cookie })
    expect([status, JSON.parse(text)]).toEqual([
      404,
      { error: 'there was never a device 02:00', fix: 'look at the list' },
    ])
  })

  it('has a client that knows its types', async () => {
    const client = hc<AppType>('https://gate.home.arpa', {
      fetch: async (url: string | URL | Request) => {
        const { pathname, search } = new URL(url instanceof Request ? url.url : url)
        const { status, text } = await bed.ask({ path: pathname + search, cookie })
        return new Response(text, { status })
      },
    })
    const answer = await client.api.names.$get({ query: { text: 'example.org' } })
    // What the page says it gets is what the server says that it sends.
    const read: NamesReport = await answer.json()
    expect(read).toEqual({ method: 'names' })
    expect(asked.at(-1)).toMatchObject(['names', { text: 'example.org' }])
  })

  it('sends a file as it is made', async () => {
    const answer = await bed.ask({ path: `/api/export/names?${DAY}&format=csv`, cookie })
    expect([answer.status, answer.text]).toEqual([200, 'name\nprinter\n'])
    expect(answer.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="sekisho-names.csv"',
      'cache-control': 'no-store',
    })
    expect(asked.at(-1)).toEqual(['exportRows', 'names', { ...SPAN, limit: 50 }, 'csv'])
  })

  it('has the router changed by its host, in known ways only', async () => {
    const action = { action: 'rename', macAddress: '02:00:5e:10:00:07', name: 'printer' }
    const post = (body: unknown) => bed.ask({ method: 'POST', path: '/api/actions', cookie, body })
    expect(JSON.parse((await post(action)).text)).toEqual({ ok: true, generation: 7, summary: 'renamed' })
    expect(acted).toEqual([action])
    const bad = [
      { ...action, name: 'x; reboot' },
      { action: 'reboot' },
      { ask: 'status' },
      [],
      'null',
      '{',
      '',
    ]
    for (const body of bad) expect((await post(body)).status).toBe(400)
    expect(acted).toEqual([action])
    const away = await post({ action: 'resume', macAddress: action.macAddress })
    expect([away.status, JSON.parse(away.text)]).toEqual([
      503,
      { error: 'the host cannot be asked', fix: 'sekisho status' },
    ])
  })
})

describe('a stranger', () => {
  const paths = [
    'now',
    'devices',
    'devices/x',
    'names',
    'names/questions',
    'connections',
    'search',
    'services',
  ]
  const more = ['changes', 'changes/1/2', 'plan', 'archive', 'live', 'export/names', 'nothing']
  it.each([...paths, ...more])('gets nothing of /api/%s', async (path) => {
    asked.length = 0
    const tries = [
      undefined,
      '__Host-sekisho=',
      `__Host-sekisho=${'A'.repeat(43)}`,
      cookie.slice('__Host-'.length),
    ]
    for (const other of tries)
      expect((await bed.ask({ path: `/api/${path}`, cookie: other })).status).toBe(401)
    expect(asked).toEqual([])
  })

  it('changes nothing', async () => {
    const before = acted.length
    const body = { action: 'pause', macAddress: '02:00:5e:10:00:07' }
    expect((await bed.ask({ method: 'POST', path: '/api/actions', body })).status).toBe(401)
    expect(acted.length).toBe(before)
  })

  it('learns who they are: nobody', async () => {
    const { text } = await bed.ask({ path: '/api/session' })
    expect(JSON.parse(text)).toEqual({
      signedIn: false,
      passwordSet: false,
      hostname: 'gate',
      timezone: 'Asia/Tokyo',
    })
  })
})

describe('the pages', () => {
  it.each(['/', '/devices', '/devices/02%3A00%3A5e', '/names?text=x', '/sign-in', '/archive', '/search'])(
    '%s is the document, and never kept',
    async (path) => {
      const { status, headers, text } = await bed.ask({ path })
      expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
      expect(text).toContain('<title>Sekisho</title>')
      expect(headers['cache-control']).toBe('no-store')
    },
  )

  it('a file with a hash in its name is kept for ever, packed for who takes that', async () => {
    const path = '/assets/main-1a2b3c.js'
    const plain = await bed.ask({ path })
    expect(plain.headers).toMatchObject({
      'content-type': 'text/javascript; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      vary: 'accept-encoding',
    })
    expect(plain.headers['content-encoding']).toBeUndefined()
    const packed = await new Promise<Buffer>((resolve, reject) => {
      request({ ...bed.options({ path, headers: { 'accept-encoding': 'br, gzip' } }) }, (response) => {
        expect(response.headers['content-encoding']).toBe('gzip')
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve(Buffer.concat(chunks)))
      })
        .on('error', reject)
        .end()
    })
    expect(packed.length).toBeLessThan(plain.text.length)
    expect(gunzipSync(packed).toString()).toBe(plain.text)
  })

  it.each([
    '/assets/none.js',
    '/index',
    '/devices/a/b',
    '/..%2f..%2fetc/passwd',
    '/assets/../../etc/passwd',
    '/__proto__',
  ])('%s is not there', async (path) => {
    expect((await bed.ask({ path, cookie })).status).toBe(404)
  })
})

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
}

it.each(['/', '/api/now', '/none', '/assets/main-1a2b3c.js'])(
  '%s has the headers that keep it safe',
  async (path) => {
    for (const one of [cookie, undefined]) {
      const { headers } = await bed.ask({ path, cookie: one, headers: { origin: 'https://evil.example' } })
      expect(headers).toMatchObject(HEADERS)
      const odd = Object.keys(headers).filter((name) =>
        /^access-control|strict-transport|^server$|powered/.test(name),
      )
      expect(odd).toEqual([])
    }
  },
)

describe('the host that is asked for', () => {
  const good = [
    'gate.home.arpa',
    'GATE.home.arpa',
    'gate',
    '10.0.0.1',
    '[fd12:3456:789a:1::1]',
    'localhost:8443',
  ]
  it.each([...good, '127.0.0.1:9', '[::1]:8443'])('%s is ours', async (host) => {
    expect((await bed.ask({ host })).status).toBe(200)
  })

  const bad = [
    'evil.example',
    'gate.home.arpa.evil.example',
    '10.0.0.2',
    '[::2]',
    'gate.home.arpa.',
    '127.0.0.1.',
  ]
  it.each([...bad, '0x7f.1', 'gate.home.arpa'.repeat(100)])('%s is not', async (host) => {
    for (const path of ['/', '/api/session', '/assets/main-1a2b3c.js'])
      expect((await bed.ask({ host, path, cookie })).status).toBe(421)
  })

  it.each(['gate@evil', 'gate:80:90', ' ', 'gate/x'])('%j is not even a host', async (host) => {
    expect((await bed.ask({ host, cookie })).status).toBe(400)
  })

  it('whatever else it is, it is not', async () => {
    const name = fc.oneof(
      fc.domain(),
      fc.ipV4(),
      fc.ipV6().map((address) => `[${address}]`),
      fc.string({ unit: fc.constantFrom(...'gate.homrp[]:0123456789-_@/ \\%'), minLength: 1, maxLength: 40 }),
    )
    await fc.assert(
      fc.asyncProperty(name, async (host) => {
        const trimmed = host
          .trim()
          .toLowerCase()
          .replace(/:\d{1,5}$/, '')
        fc.pre(![...good, '127.0.0.1', '[::1]', 'localhost'].some((one) => one.toLowerCase() === trimmed))
        expect([400, 421]).toContain((await bed.ask({ host, path: '/api/session' })).status)
      }),
      { numRuns: 60 },
    )
  })
})

describe('what comes from elsewhere', () => {
  const body = { action: 'pause', macAddress: '02:00:5e:10:00:07' }
  const post = (headers: Record<string, string>) =>
    bed.ask({ method: 'POST', path: '/api/actions', cookie, body, headers })

  it.each([
    'https://evil.example',
    'null',
    'http://gate.home.arpa',
    'https://gate.home.arpa:9469',
    'https://gate',
    'https://GATE.home.arpa.evil.example',
    '',
  ])('the origin %j changes nothing', async (origin) => {
    const before = acted.length
    expect((await post({ origin })).status).toBe(403)
    expect((await bed.signIn({ password: 'a' }, { headers: { origin } })).status).toBe(403)
    expect(acted.length).toBe(before)
  })

  it('no origin at all changes nothing', async () => {
    const options = bed.options({ method: 'POST', path: '/api/actions', cookie })
    const { origin: _, ...headers } = options.headers as Record<string, string>
    const status = await new Promise((resolve, reject) => {
      request({ ...options, headers }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end(JSON.stringify(body))
    })
    expect(status).toBe(403)
  })

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    '',
  ])('a body of type %j changes nothing', async (type) => {
    const before = acted.length
    expect((await post({ 'content-type': type })).status).toBe(415)
    expect(acted.length).toBe(before)
  })

  it.each(['cross-site', 'same-site', 'odd'])(
    'a request that a browser calls %s reads nothing',
    async (site) => {
      const answer = await bed.ask({ path: '/api/now', cookie, headers: { 'sec-fetch-site': site } })
      expect(answer.status).toBe(403)
      expect((await bed.ask({ path: '/devices', headers: { 'sec-fetch-site': site } })).status).toBe(200)
    },
  )

  it.each(['PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND'])('%s is not done', async (method) => {
    const api = await bed.ask({ method, path: '/api/now', cookie })
    expect([api.status, api.headers.allow]).toEqual([405, 'GET, POST'])
    const page = await bed.ask({ method, path: '/devices' })
    expect([page.status, page.headers.allow]).toEqual([405, 'GET, HEAD'])
  })

  it('HEAD is of pages alone', async () => {
    expect(await bed.ask({ method: 'HEAD', path: '/' })).toMatchObject({ status: 200, text: '' })
    for (const path of ['/api/live', '/api/export/names', '/api/now'])
      expect((await bed.ask({ method: 'HEAD', path, cookie })).status).toBe(405)
  })

  it('anything but our own origin changes nothing', async () => {
    const before = acted.length
    const origin = fc.oneof(
      fc.webUrl(),
      fc.domain().map((name) => `https://${name}`),
      fc.string({ unit: 'grapheme-ascii' }),
    )
    await fc.assert(
      fc.asyncProperty(origin, async (text) => {
        fc.pre(text.trim() !== 'https://gate.home.arpa')
        expect([400, 403]).toContain((await post({ origin: text })).status)
      }),
      { numRuns: 60 },
    )
    expect(acted.length).toBe(before)
  })
})

describe('hostile requests', () => {
  it('a body of more than 16 kB is not read', async () => {
    const long = 'x'.repeat(17 * 1024)
    expect((await bed.signIn({ password: long })).status).toBe(413)
    const chunked = { headers: { 'transfer-encoding': 'chunked' } }
    expect((await bed.signIn({ password: long }, chunked)).status).toBe(413)
  })

  it('any cookie is nobody, and no answer shows it', async () => {
    const text = fc.string({ unit: fc.constantFrom(...'__Host-sekisho=; ABCxyz019_-"\'<>%\\,') })
    await fc.assert(
      fc.asyncProperty(text, async (value) => {
        for (const sent of [value, `__Host-sekisho=${value}`]) {
          const answer = await bed.ask({ path: '/api/now', cookie: sent })
          expect([400, 401]).toContain(answer.status)
          expect(answer.text).not.toContain('<')
        }
      }),
      { numRuns: 60 },
    )
  })

  it('any body is refused in words, and the server goes on', async () => {
    const bodies = fc.oneof(fc.json(), fc.string(), fc.string({ unit: 'binary' }))
    await fc.assert(
      fc.asyncProperty(bodies, async (text) => {
        for (const path of ['/api/sign-in', '/api/actions']) {
          const answer = await bed.ask({ method: 'POST', path, cookie, body: text })
          expect(answer.status).toBe(400)
          expect(JSON.parse(answer.text)).toHaveProperty('error')
        }
      }),
      { numRuns: 60 },
    )
    expect((await bed.ask({ path: '/api/now', cookie })).status).toBe(200)
  })

  it('any path is a page, a file, or nothing', async () => {
    const path = fc
      .string({ unit: fc.constantFrom(...'/.%2fe5cASTassetsindex.html?#&=<>"') })
      .map((text) => `/${text}`)
    await fc.assert(
      fc.asyncProperty(path, async (text) => {
        const answer = await bed.ask({ path: text.replaceAll('#', '') })
        expect([200, 400, 401, 404]).toContain(answer.status)
        expect(answer.headers['cache-control']).toMatch(/./)
      }),
      { numRuns: 100 },
    )
  })
})

it('what is on the disk of a session cannot sign in', async () => {
  const text = readFileSync(join(bed.stateDirectory, 'sessions.json'), 'utf8')
  const token = cookie.split('=')[1] ?? ''
  expect(token).toHaveLength(43)
  expect(text).not.toContain(token)
  const [hash] = /[0-9a-f]{64}/.exec(text) ?? []
  expect(hash).toBeDefined()
  expect((await bed.ask({ path: '/api/now', cookie: `__Host-sekisho=${hash}` })).status).toBe(401)
})
