import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

/*
 * Mackerel's API v0 as its documentation has it (mackerel.io/api-docs, in the repository mackerelio/documents), as far as a
 * host needs it. Stricter than it must be: a field that is not documented is refused. Each rule names its page.
 *
 * By itself it is a program: `mackerel-server.ts ADDRESS PORT STATE [KEY.pem CERT.pem]`. It keeps what it was told in the
 * file STATE and goes on with it when it is started again.
 */

/** hosts#roleFullnames: "<service name>:<role name>", each /^[A-Za-z0-9][A-Za-z0-9_-]+$/. */
const ROLE = /^[A-Za-z0-9][A-Za-z0-9_-]+:[A-Za-z0-9][A-Za-z0-9_-]+$/

/** hosts#create: name and meta are required; "Empty objects can also be registered" as meta. */
const HostInput = z.strictObject({
  name: z.string().min(1),
  displayName: z.string().optional(),
  customIdentifier: z.string().nullish(),
  meta: z.record(z.string(), z.unknown()),
  memo: z.string().optional(),
  // hosts#interfaces
  interfaces: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        macAddress: z.string().optional(),
        ipv4Addresses: z.array(z.ipv4()).optional(),
        ipv6Addresses: z.array(z.string()).optional(),
        ipAddress: z.string().optional(),
        ipv6Address: z.string().optional(),
      }),
    )
    .optional(),
  roleFullnames: z.array(z.string().regex(ROLE)).optional(),
  checks: z
    .array(z.strictObject({ name: z.string().regex(/^[a-zA-Z0-9_-]+$/), memo: z.string().optional() }))
    .optional(),
})

/** docs/entry/spec/metrics, "System metrics", Linux; and the two more that mackerel-agent posts of memory. */
const SYSTEM_METRICS = [
  /^loadavg(1|5|15)$/,
  /^cpu\.(user|iowait|system|idle|nice|irq|softirq|steal|guest)\.percentage$/,
  /^memory\.(used|available|total|free|buffers|cached|swap_used|swap_cached|swap_total|mem_available|swap_free)$/,
  /^disk\.[a-zA-Z0-9_-]+\.(reads|writes)\.delta$/,
  /^interface\.[a-zA-Z0-9_-]+\.(rxBytes|txBytes)\.delta$/,
  /^filesystem\.[a-zA-Z0-9_-]+\.(size|used)$/,
]
/** host-metrics#post-graphdef: begins with "custom.", and "non-consecutive dots"; no wildcard in what is posted. */
const CUSTOM_METRIC = /^custom(\.[-a-zA-Z0-9_]+)+$/

/** host-metrics#post: an array of objects with these four keys. JSON has no NaN and no infinity. */
const Values = z.array(
  z.strictObject({
    hostId: z.string(),
    name: z
      .string()
      .regex(/^[a-zA-Z0-9._-]+$/)
      .refine((name) => CUSTOM_METRIC.test(name) || SYSTEM_METRICS.some((known) => known.test(name)), {
        error: 'neither a system metric nor custom',
      }),
    // "unix time"
    time: z.int().positive(),
    value: z.number(),
  }),
)

/** host-metrics#post-graphdef: "The whole metric name should look like this". */
const GRAPH_NAME = /^custom(\.([-a-zA-Z0-9_]+|[*#]))+$/
const GraphDefs = z.array(
  z
    .strictObject({
      name: z.string().regex(GRAPH_NAME),
      displayName: z.string().optional(),
      unit: z
        .enum([
          'float',
          'integer',
          'percentage',
          'seconds',
          'milliseconds',
          'bytes',
          'bytes/sec',
          'bits/sec',
          'iops',
        ])
        .optional(),
      metrics: z.array(
        z.strictObject({
          name: z.string().regex(GRAPH_NAME),
          displayName: z.string().optional(),
          isStacked: z.boolean().optional(),
        }),
      ),
    })
    // "Must begin with <graphDef>.name followed by a . and a name"
    .refine(({ name, metrics }) =>
      metrics.every((metric) => metric.name.slice(0, metric.name.lastIndexOf('.')) === name),
    ),
)

const Scopes = z.array(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]+(: ?[A-Za-z0-9][A-Za-z0-9_-]+)?$/))
/** monitors#create: "when the notification re-sending time interval is not set at 10 minutes or more" is 400. */
const monitorCommon = {
  // "when the memo exceeds 2048 characters"
  memo: z.string().max(2048).optional(),
  notificationInterval: z.number().min(10).optional(),
  scopes: Scopes.optional(),
  excludeScopes: Scopes.optional(),
  isMute: z.boolean().optional(),
}
const MonitorInput = z.discriminatedUnion('type', [
  // monitors#create-host-metric-monitoring
  z
    .strictObject({
      type: z.literal('host'),
      name: z.string().min(1),
      duration: z.int().min(1).max(10),
      metric: z.string().min(1),
      operator: z.enum(['>', '<']),
      warning: z.number().optional(),
      critical: z.number().optional(),
      maxCheckAttempts: z.int().min(1).max(10).optional(),
      ...monitorCommon,
    })
    // "outside the range of 0~100(%) in comparative monitoring settings"
    .refine(
      ({ metric, warning = 0, critical = 0 }) =>
        !metric.endsWith('%') ||
        (['cpu%', 'memory%', 'disk%', 'swap%'].includes(metric) &&
          [warning, critical].every((threshold) => threshold >= 0 && threshold <= 100)),
    ),
  // monitors#create-connectivity-monitoring
  z.strictObject({
    type: z.literal('connectivity'),
    name: z.string().min(1).optional(),
    alertStatusOnGone: z.enum(['CRITICAL', 'WARNING']).optional(),
    ...monitorCommon,
  }),
])

/** The free plan's, as the article says: "You cannot create more items than the number prescribed by your plan's limit". */
const MAX_MONITORS = 10
/** host-metrics#post: "If posting with a timestamp older than 24 hours, those metrics will not be recorded". */
const KEPT_SECS = 24 * 3600
/** Of our own: what this server is ready to read, so that nobody sends without bounds. */
const MAX_BODY_BYTES = 1024 * 1024

export interface MackerelState {
  hosts: Record<string, z.output<typeof HostInput> & { isRetired: boolean; createdAt: number }>
  /** By host, metric and time, how often it came and the last value. */
  values: Record<string, Record<string, Record<string, { times: number; value: number }>>>
  /** Values that were too old to be kept. */
  tooOld: number
  graphDefs: Record<string, z.output<typeof GraphDefs>[number]>
  monitors: (z.output<typeof MonitorInput> & { id: string })[]
  /** Each request that was refused, in words. */
  refused: string[]
  requests: number
}

/** What an organization has in the beginning: one monitor of connectivity, for every host. */
export function newState(): MackerelState {
  return {
    hosts: {},
    values: {},
    tooOld: 0,
    graphDefs: {},
    monitors: [{ id: '2cSZzK3XfmA', type: 'connectivity', scopes: [], excludeScopes: [] }],
    refused: [],
    requests: 0,
  }
}

interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}
class Refused extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface MackerelServerOptions {
  readonly key: string
  readonly state?: MackerelState
  /** Called when something changed. */
  readonly onChange?: () => void
  readonly tls?: { readonly key: string; readonly cert: string }
}

/** The server, with what it was told; its faults are set by hand. */
export class MackerelServer {
  readonly state: MackerelState
  /** Answers in place of the right ones, for each request as long as it is set. */
  fault: ((request: IncomingMessage) => Answer | undefined) | undefined
  readonly #options: MackerelServerOptions
  #server: Server | undefined

  constructor(options: MackerelServerOptions) {
    this.#options = options
    this.state = options.state ?? newState()
  }

  /** Listens; resolves with the port. */
  async start(port = 0, address = '127.0.0.1'): Promise<number> {
    const { tls } = this.#options
    const handle = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#handle(request, response)
    const server = tls ? createTlsServer(tls, handle) : createServer(handle)
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, address, resolve)
    })
    return (server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer
    try {
      const body = await read(request)
      this.state.requests += 1
      answer = this.fault?.(request) ?? this.#answer(request, body)
    } catch (error) {
      const status = error instanceof Refused ? error.status : 400
      const message = error instanceof Error ? error.message : String(error)
      this.state.refused.push(`${request.method} ${request.url}: ${status} ${message}`)
      answer = { status, body: { error: { message } } }
    }
    this.#options.onChange?.()
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
    response.end(JSON.stringify(answer.body))
  }

  #answer(request: IncomingMessage, body: string): Answer {
    const { method = '', url = '', headers } = request
    // index#summary: "X-Api-Key header (required)"; 403 "when the API key doesn't have the required permissions".
    if (headers['x-api-key'] !== this.#options.key) throw new Refused(403, 'the API key is wrong')
    // index#summary: "POST/PUT input and the success response should be in JSON (application/json)".
    const input = method === 'GET' ? undefined : this.#json(headers['content-type'], body)
    const route = `${method} ${url}`
    if (route === 'POST /api/v0/hosts') return this.#createHost(input)
    if (route === 'POST /api/v0/tsdb') return this.#post(input)
    if (route === 'POST /api/v0/graph-defs/create') return this.#defineGraphs(input)
    if (route === 'GET /api/v0/monitors') return { status: 200, body: { monitors: this.state.monitors } }
    if (route === 'POST /api/v0/monitors') return this.#createMonitor(input)
    const [, host] = /^\/api\/v0\/hosts\/([A-Za-z0-9]+)$/.exec(url) ?? []
    if (host !== undefined && method === 'GET') return this.#showHost(host)
    if (host !== undefined && method === 'PUT') return this.#updateHost(host, input)
    const [, identifier] = /^\/api\/v0\/hosts-by-custom-identifier\/([^/?]+)$/.exec(url) ?? []
    if (identifier !== undefined && method === 'GET') {
      // hosts#get-by-custom-identifier: "a non-retired host".
      const id = Object.entries(this.state.hosts).find(
        ([, one]) => one.customIdentifier === decodeURIComponent(identifier) && !one.isRetired,
      )?.[0]
      return this.#showHost(id ?? '')
    }
    throw new Refused(404, 'there is no such API')
  }

  #json(type: string | undefined, body: string): unknown {
    if (!/^application\/json(;|$)/.test(type ?? '')) throw new Refused(400, `Content-Type is ${type}`)
    return JSON.parse(body)
  }

  #createHost(input: unknown): Answer {
    const host = HostInput.parse(input)
    // hosts#create: customIdentifier is "user-specific and unique to the organization".
    const taken = Object.values(this.state.hosts).some(
      (one) => !one.isRetired && one.customIdentifier && one.customIdentifier === host.customIdentifier,
    )
    if (taken) throw new Refused(400, 'customIdentifier is taken')
    const id = `3${randomBytes(5).toString('hex')}`
    this.state.hosts[id] = { ...host, isRetired: false, createdAt: Math.floor(Date.now() / 1000) }
    return { status: 200, body: { id } }
  }

  #updateHost(id: string, input: unknown): Answer {
    const before = this.state.hosts[id]
    // hosts#update-information: 404 "when the host that corresponds to the <hostId> can't be found".
    if (!before) throw new Refused(404, 'host not found')
    this.state.hosts[id] = { ...before, ...HostInput.parse(input) }
    return { status: 200, body: { id } }
  }

  #showHost(id: string): Answer {
    const host = this.state.hosts[id]
    if (!host) throw new Refused(404, 'host not found')
    // hosts#get
    return { status: 200, body: { host: { id, size: 'standard', status: 'working', ...host } } }
  }

  #post(input: unknown): Answer {
    const values = Values.parse(input)
    const unknown = values.find(({ hostId }) => this.state.hosts[hostId]?.isRetired !== false)
    if (unknown) throw new Refused(400, `host ${unknown.hostId} is not there`)
    for (const { hostId, name, time, value } of values) {
      if (time < Date.now() / 1000 - KEPT_SECS) {
        this.state.tooOld += 1
        continue
      }
      const host = this.state.values[hostId] ?? {}
      const metric = host[name] ?? {}
      this.state.values[hostId] = host
      host[name] = metric
      // "If old values are being transmitted to the API, the values on the Mackerel interface will be overwritten."
      metric[time] = { times: (metric[time]?.times ?? 0) + 1, value }
    }
    return { status: 200, body: { success: true } }
  }

  #defineGraphs(input: unknown): Answer {
    for (const graph of GraphDefs.parse(input)) this.state.graphDefs[graph.name] = graph
    return { status: 200, body: { success: true } }
  }

  #createMonitor(input: unknown): Answer {
    const monitor = MonitorInput.parse(input)
    // monitors#create: 400 "when the service name and role name that are assigned … haven't been registered yet".
    const roles = Object.values(this.state.hosts).flatMap(({ roleFullnames = [] }) => roleFullnames)
    const known = new Set([...roles, ...roles.map((role) => role.split(':')[0])])
    const scopes = [...(monitor.scopes ?? []), ...(monitor.excludeScopes ?? [])]
    if (scopes.some((scope) => !known.has(scope.replace(': ', ':')))) throw new Refused(400, 'no such role')
    if (this.state.monitors.length >= MAX_MONITORS) throw new Refused(400, 'the plan allows no more monitors')
    const made = { id: `2${randomBytes(5).toString('hex')}`, ...monitor }
    this.state.monitors.push(made)
    return { status: 200, body: made }
  }
}

async function read(request: IncomingMessage): Promise<string> {
  let bytes = 0
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) throw new Refused(413, 'too much at once')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

if (import.meta.main) {
  const [address = '', port = '', file = '', keyFile, certFile] = process.argv.slice(2)
  const key = process.env.MACKEREL_API_KEY ?? ''
  if (file === '' || key === '')
    throw new Error('usage: MACKEREL_API_KEY=… mackerel-server.ts ADDRESS PORT STATE')
  const server = new MackerelServer({
    key,
    state: readState(file),
    onChange: () => {
      writeFileSync(`${file}.tmp`, JSON.stringify(server.state))
      renameSync(`${file}.tmp`, file)
    },
    ...(keyFile !== undefined &&
      certFile !== undefined && {
        tls: { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') },
      }),
  })
  await server.start(Number(port), address)
  process.stdout.write('ready\n')
}

function readState(file: string): MackerelState {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as MackerelState
  } catch {
    return newState()
  }
}
