/*
 * DNS rows as a household of some thirty devices makes them, the same for the same options. What decides how they
 * compress and prune is modelled on what resolvers log: names by Zipf's law with a long tail of names seen once,
 * A and AAAA (and HTTPS) asked together, answers that belong to the name with addresses that rotate, TTLs that count
 * down in the cache, response times of a cache hit or of a resolution, few clients with favourites of their own, and
 * nights that are quieter than evenings.
 */

export interface DnsRow {
  /** RFC 3339, UTC, microseconds. */
  readonly time: string
  readonly clientAddress: string
  readonly serverAddress: string
  readonly transport: string
  readonly queryName: string
  readonly queryType: string
  readonly responseCode: string
  readonly answers: readonly Answer[]
  readonly responseTimeMicroseconds: number
}

interface Answer {
  readonly name: string
  readonly type: string
  readonly ttl: number
  readonly data: string
}

export interface DnsRowsOptions {
  readonly rows: number
  /** Spread over this many days, which end with 2026-11-23, or with the day that begins at `lastDay` (milliseconds). */
  readonly days: number
  readonly lastDay?: number
  readonly seed?: number
}

const LAST_DAY = Date.UTC(2026, 10, 23)
const DAY_MS = 86_400_000
const NAMES = 60_000
const CLIENTS = 32
const HOURS = [2, 1, 1, 1, 1, 2, 4, 6, 6, 5, 5, 5, 6, 6, 5, 5, 6, 8, 10, 12, 12, 11, 8, 4]
const WORDS = [
  'api',
  'cdn',
  'img',
  'static',
  'www',
  'app',
  'push',
  'edge',
  'mail',
  'ads',
  'sync',
  'log',
  'play',
  'auth',
]
const SUFFIXES = ['com', 'com', 'com', 'net', 'net', 'org', 'jp', 'co.jp', 'ne.jp', 'io', 'example']

/** Rows in the order of time, as the recorder gets them. */
export function* dnsRows({ rows, days, lastDay = LAST_DAY, seed = 1 }: DnsRowsOptions): Generator<DnsRow> {
  const random = generator(seed)
  const names = Array.from({ length: NAMES }, (_, rank) => makeName(random, rank))
  const pick = zipf(names.length, 0.95, random)
  const clients = Array.from({ length: CLIENTS }, (_, i) => makeClient(random, i))
  const pickClient = zipf(clients.length, 0.8, random)
  const expiry = new Map<string, number>()
  const slots = days * HOURS.length
  const weight = HOURS.reduce((sum, hour) => sum + hour, 0) * days
  let made = 0
  let due = 0
  for (let slot = 0; slot < slots && made < rows; slot++) {
    const start = lastDay - (days - 1) * DAY_MS + slot * 3_600_000
    due += (rows * (HOURS[slot % HOURS.length] ?? 1)) / weight
    const count = (slot === slots - 1 ? rows : Math.round(due)) - made
    const step = 3_600_000_000 / Math.max(1, count)
    for (let i = 0; i < count; ) {
      const client = clients[pickClient()] ?? clients[0]
      if (!client) return
      const own = random() < 0.3
      const rank = own ? client.favourites[Math.floor(random() ** 2 * client.favourites.length)] : pick()
      const name = names[rank ?? 0]
      if (!name) return
      // Programs ask for both versions at once, browsers for HTTPS as well.
      const types = name.types[Math.floor(random() * name.types.length)] ?? ['A']
      for (const queryType of types) {
        if (i >= count) break
        const micros = Math.floor((i + random() * 0.9) * step)
        yield row(name, queryType, client, start, micros, expiry, random)
        i++
        made++
      }
    }
  }
}

interface Name {
  readonly name: string
  readonly alias: string | undefined
  readonly types: readonly (readonly string[])[]
  readonly v4: readonly string[]
  readonly v6: readonly string[]
  readonly ttl: number
  readonly missing: boolean
}

interface Client {
  readonly address: string
  readonly favourites: readonly number[]
}

function row(
  name: Name,
  queryType: string,
  client: Client,
  start: number,
  micros: number,
  expiry: Map<string, number>,
  random: () => number,
): DnsRow {
  const at = start + micros / 1000
  const key = `${name.name} ${queryType}`
  const until = expiry.get(key) ?? 0
  const cached = until > at
  const ttl = cached ? Math.ceil((until - at) / 1000) : name.ttl
  if (!cached) expiry.set(key, at + name.ttl * 1000)
  const failed = !name.missing && random() < 0.004
  return {
    time: `${new Date(start + Math.floor(micros / 1000)).toISOString().slice(0, 23)}${String(micros % 1000).padStart(3, '0')}Z`,
    clientAddress: client.address,
    serverAddress: client.address.includes(':') ? 'fd4b:7a11:9c02::1' : '10.0.0.1',
    transport: random() < 0.997 ? 'udp' : 'tcp',
    queryName: name.name,
    queryType,
    responseCode: failed ? 'SERVFAIL' : name.missing ? 'NXDOMAIN' : 'NOERROR',
    answers: failed || name.missing ? [] : answersOf(name, queryType, ttl, random),
    responseTimeMicroseconds: cached
      ? Math.round(40 + 120 * random() * random())
      : Math.round(4000 * Math.exp(2.2 * random() * random()) + 3000 * random()),
  }
}

function answersOf(name: Name, queryType: string, ttl: number, random: () => number): Answer[] {
  const alias: Answer[] =
    name.alias === undefined ? [] : [{ name: name.name, type: 'CNAME', ttl, data: name.alias }]
  const owner = name.alias ?? name.name
  const data = queryType === 'A' ? name.v4 : queryType === 'AAAA' ? name.v6 : []
  if (queryType === 'HTTPS') {
    return name.v6.length > 0
      ? [...alias, { name: owner, type: 'HTTPS', ttl, data: '1 . alpn=h3,h2' }]
      : alias
  }
  if (queryType === 'PTR')
    return [{ name: name.name, type: 'PTR', ttl, data: `host-${name.ttl}.example.net.` }]
  // Round robin: a resolver turns the order.
  const first = Math.floor(random() * data.length)
  return [
    ...alias,
    ...data.map((_, i) => ({
      name: owner,
      type: queryType,
      ttl,
      data: data[(first + i) % data.length] ?? '',
    })),
  ]
}

function makeName(random: () => number, rank: number): Name {
  const int = (below: number): number => Math.floor(random() * below)
  const word = (): string => WORDS[int(WORDS.length)] ?? 'www'
  const label = (length: number): string =>
    Array.from({ length }, () => 'abcdefghijklmnopqrstuvwxyz'[int(26)]).join('')
  const site = `${label(4 + int(8))}.${SUFFIXES[int(SUFFIXES.length)]}`
  const missing = rank > 20 && random() < 0.06
  const reverse = rank > 50 && random() < 0.02
  const name = reverse
    ? `${int(256)}.${int(256)}.${int(256)}.${int(223)}.in-addr.arpa.`
    : rank > 2000 && random() < 0.25
      ? // Names made up by machines: content hashes, trackers.
        `${int(2 ** 32).toString(16)}${int(2 ** 32).toString(16)}.${word()}.${site}.`
      : `${random() < 0.8 ? `${word()}${random() < 0.3 ? int(20) : ''}.` : ''}${site}.`
  const alias = !reverse && random() < 0.35 ? `${word()}-${int(1000)}.edge.${label(6)}.net.` : undefined
  const v4 = Array.from({ length: 1 + int(random() < 0.3 ? 6 : 2) }, () =>
    `203.0.113.${int(256)}`.replace('203.0.113', `${20 + int(180)}.${int(256)}.${int(256)}`),
  )
  const dual = random() < 0.55
  const v6 = dual
    ? v4.map(
        () => `2001:db8:${int(65536).toString(16)}:${int(65536).toString(16)}::${int(65536).toString(16)}`,
      )
    : []
  const types = reverse
    ? [['PTR']]
    : random() < 0.35
      ? [['A', 'AAAA', 'HTTPS']]
      : random() < 0.85
        ? [['A', 'AAAA']]
        : [['A']]
  return {
    name,
    alias,
    types,
    v4,
    v6,
    ttl: [20, 60, 60, 120, 300, 300, 300, 600, 1800, 3600, 86_400][int(11)] ?? 300,
    missing,
  }
}

function makeClient(random: () => number, index: number): Client {
  const host = Math.floor(random() * 65536).toString(16)
  return {
    address: index % 3 === 2 ? `fd4b:7a11:9c02::${host}` : `10.0.0.${20 + index}`,
    favourites: Array.from({ length: 200 }, () => Math.floor(NAMES * random() ** 3)),
  }
}

/** Ranks from 0 by Zipf's law, with the alias method (Vose 1991): a draw in constant time. */
function zipf(count: number, exponent: number, random: () => number): () => number {
  const weights = Array.from({ length: count }, (_, i) => (i + 1) ** -exponent)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const share = Float64Array.from(weights, (weight) => (weight * count) / total)
  const alias = new Uint32Array(count)
  const small: number[] = []
  const large: number[] = []
  for (const [i, value] of share.entries()) (value < 1 ? small : large).push(i)
  while (small.length > 0 && large.length > 0) {
    const less = small.pop() ?? 0
    const more = large.at(-1) ?? 0
    alias[less] = more
    share[more] = (share[more] ?? 0) + (share[less] ?? 0) - 1
    if ((share[more] ?? 0) < 1) small.push(large.pop() ?? 0)
  }
  for (const i of [...small, ...large]) share[i] = 1
  return () => {
    const i = Math.floor(random() * count)
    return random() < (share[i] ?? 1) ? i : (alias[i] ?? 0)
  }
}

/** Uniform numbers in [0, 1): sfc32, from the same seed the same ones. */
function generator(seed: number): () => number {
  let [a, b, c, d] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, seed | 0]
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + t) | 0
    return (t >>> 0) / 4294967296
  }
  for (let i = 0; i < 20; i++) next()
  return next
}
