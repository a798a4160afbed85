import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { type RequestOptions, request as tlsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type KeyAndCert, makeAuthority, makeServerCertificate } from '../src/agent/authority.ts'
import type { AgentRequest } from '../src/dashboard/api.ts'
import type { DashboardData } from '../src/dashboard/dashboard-data.ts'
import { dashboardApp } from '../src/dashboard/server/app.ts'
import { Attempts } from '../src/dashboard/server/attempts.ts'
import { serve } from '../src/dashboard/server/serve.ts'
import { Sessions } from '../src/dashboard/server/sessions.ts'
import { readStaticFiles } from '../src/dashboard/server/static-files.ts'
import type { DashboardSettings } from '../src/dashboard/settings.ts'

const SUBJECT = {
  names: ['gate.home.arpa', 'localhost'],
  addresses: ['10.0.0.1', 'fd12:3456:789a:1::1', '127.0.0.1', '::1'],
} as const

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface Asking {
  readonly method?: string
  readonly path?: string
  readonly host?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly cookie?: string | undefined
  readonly port?: number
}

/** The server with pages of two files, on ports of the loopback, with a certificate of an authority of its own. */
export async function dashboardBed(
  data: DashboardData,
  askAgent: (request: AgentRequest) => Promise<unknown> = async () => ({ ok: true }),
) {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-dashboard-'))
  const [stateDirectory, tlsDirectory, pages] = ['state', 'tls', 'pages'].map((name) =>
    join(folder, name),
  ) as [string, string, string]
  for (const path of [stateDirectory, tlsDirectory, pages, join(pages, 'assets')]) mkdirSync(path)
  writeFileSync(join(pages, 'index.html'), `<!doctype html><title>Sekisho</title>${' '.repeat(500)}`)
  writeFileSync(join(pages, 'assets/main-1a2b3c.js'), 'console.log("sekisho")\n'.repeat(100))
  const authority = await makeAuthority('gate', SUBJECT, Date.now())
  await renew()
  const settings: DashboardSettings = {
    hostname: 'gate',
    timezone: 'Asia/Tokyo',
    names: ['gate.home.arpa', 'gate'],
    addresses: ['10.0.0.1', 'fd12:3456:789a:1::1'],
    networks: [{ name: 'home', prefixes: ['10.0.0.0/24'] }],
    dataDirectory: '/none',
    site: 'gate',
    runDirectory: '/none',
    agentSocket: '/none',
    tlsDirectory,
    stateDirectory,
    port: 443,
    httpPort: 80,
    listen: { port: 0, httpPort: 0 },
  }
  const guessing = { ms: 0 }
  const sessions = await Sessions.open(stateDirectory)
  const app = dashboardApp({
    settings,
    data,
    sessions,
    files: await readStaticFiles(pages),
    askAgent,
    // Time stands still for who guesses, however long this machine takes to judge.
    attempts: new Attempts(() => guessing.ms),
    heartbeatMs: 100,
  })
  const served = await serve({ settings, fetch: app.fetch, lookMs: 20 })

  async function renew(): Promise<KeyAndCert> {
    const made = await makeServerCertificate(authority, SUBJECT, Date.now())
    writeFileSync(join(tlsDirectory, 'ca.pem'), authority.cert)
    writeFileSync(join(tlsDirectory, 'key.pem'), made.key)
    writeFileSync(join(tlsDirectory, 'cert.pem'), made.cert)
    return made
  }

  function options({ method = 'GET', path = '/', host = 'gate.home.arpa', ...rest }: Asking): RequestOptions {
    return {
      host: '127.0.0.1',
      port: rest.port ?? served.port,
      servername: 'gate.home.arpa',
      ca: authority.cert,
      agent: false,
      method,
      path,
      headers: {
        host,
        ...(rest.cookie !== undefined && { cookie: rest.cookie }),
        ...(method === 'POST' && { origin: `https://${host}`, 'content-type': 'application/json' }),
        ...rest.headers,
      },
    }
  }

  /** Asks as the page itself does, but for what `asking` says otherwise. */
  function ask(asking: Asking): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const { body } = asking
      const asked = tlsRequest(options(asking), (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        )
      })
      asked.on('error', reject)
      asked.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
    })
  }

  return {
    folder,
    stateDirectory,
    tlsDirectory,
    authority,
    settings,
    guessing,
    served,
    options,
    ask,
    renew,
    signIn: (proof: object, rest: Asking = {}) =>
      ask({ method: 'POST', path: '/api/sign-in', body: proof, ...rest }),
    async stop() {
      await served.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

/** What a browser sends back of a Set-Cookie. */
export function cookieOf({ headers }: Answered): string | undefined {
  return headers['set-cookie']?.[0]?.split(';')[0]
}
