import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request } from 'node:https'
import { connect } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { cookieOf, dashboardBed } from '../../../tests/dashboard-bed.ts'
import { fakeDashboardData } from '../../../tests/fake-dashboard-data.ts'
import type { DashboardData, LiveEvent } from '../dashboard-data.ts'
import { newLink } from './links.ts'

type Bed = Awaited<ReturnType<typeof dashboardBed>>
const beds: Bed[] = []
afterEach(async () => {
  for (const bed of beds.splice(0)) await bed.stop()
})

async function open(changes: Partial<DashboardData> = {}) {
  const bed = await dashboardBed(fakeDashboardData(changes).data)
  beds.push(bed)
  const cookie = cookieOf(await bed.signIn({ link: await newLink(bed.stateDirectory) })) ?? ''
  return { ...bed, cookie }
}

describe('plain HTTP', () => {
  function ask({ served }: Bed, host: string, path: string, method = 'GET') {
    return new Promise<{ status: number | undefined; location: string | undefined }>((resolve, reject) => {
      httpRequest(
        { host: '127.0.0.1', port: served.httpPort, path, method, headers: { host }, agent: false },
        (response) => {
          response.resume()
          resolve({ status: response.statusCode, location: response.headers.location })
        },
      )
        .on('error', reject)
        .end()
    })
  }

  it.each([
    ['gate.home.arpa', 'https://gate.home.arpa/names?text=x'],
    ['gate', 'https://gate.home.arpa/names?text=x'],
    ['10.0.0.1:80', 'https://10.0.0.1/names?text=x'],
    ['[fd12:3456:789a:1::1]', 'https://[fd12:3456:789a:1::1]/names?text=x'],
    ['127.0.0.1:8080', 'https://127.0.0.1/names?text=x'],
  ])('leads %s to %s', async (host, location) => {
    const bed = await open()
    for (const method of ['GET', 'POST'])
      expect(await ask(bed, host, '/names?text=x', method)).toEqual({ status: 308, location })
  })

  it.each(['evil.example', '10.0.0.9', 'gate.home.arpa@evil.example', ' '])(
    'leads %j nowhere',
    async (host) => {
      expect(await ask(await open(), host, '/')).toEqual({ status: 421, location: undefined })
    },
  )

  it.each(['//evil.example/', 'http://evil.example/', '*'])('leads to no other host by %j', async (path) => {
    const { location } = await ask(await open(), 'gate.home.arpa', path)
    expect(location === undefined || new URL(location).host === 'gate.home.arpa').toBe(true)
  })
})

describe('the connection', () => {
  it('is TLS 1.2 or later, with a certificate for each of the names and addresses', async () => {
    const { served, authority } = await open()
    const shake = (options: object) =>
      new Promise<string>((resolve) => {
        const socket = tlsConnect(
          { host: '127.0.0.1', port: served.port, ca: authority.cert, ...options },
          () => {
            resolve(socket.getProtocol() ?? '')
            socket.destroy()
          },
        )
        socket.on('error', (error) => resolve(error.message))
      })
    for (const servername of ['gate.home.arpa', 'localhost'])
      expect(await shake({ servername })).toBe('TLSv1.3')
    expect(await shake({})).toBe('TLSv1.3')
    expect(await shake({ servername: 'nas.home.arpa' })).toContain("does not match certificate's altnames")
    expect(
      await shake({ servername: 'gate.home.arpa', maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }),
    ).not.toMatch(/^TLS/)
  })

  it('has a renewed certificate without a restart, and open ones go on', async () => {
    const bed = await open({
      async *live(signal) {
        yield* ticks(signal)
      },
    })
    const serial = () =>
      new Promise<string>((resolve, reject) => {
        const socket = tlsConnect(
          { host: '127.0.0.1', port: bed.served.port, ca: bed.authority.cert, servername: 'localhost' },
          () => {
            resolve(socket.getPeerCertificate().serialNumber)
            socket.destroy()
          },
        )
        socket.on('error', reject)
      })
    const before = await serial()
    const listener = await listen(bed)
    await bed.renew()
    for (let i = 0; (await serial()) === before && i < 200; i++) await pause(20)
    expect(await serial()).not.toBe(before)
    const length = listener.text().length
    await until(() => listener.text().length > length)
    listener.end()
  })

  it('of what is no TLS, and no HTTP, ends, and others go on', async () => {
    const bed = await open()
    for (const port of [bed.served.port, bed.served.httpPort])
      for (const bytes of [
        '\0'.repeat(300),
        'GET / HTTP/1.1\r\n\r\n',
        '\x16\x03\x01\xff\xff',
        'x'.repeat(20_000),
      ]) {
        const socket = connect(port, '127.0.0.1')
        socket.on('error', () => undefined)
        socket.resume()
        socket.end(bytes)
        await new Promise((resolve) => socket.on('close', resolve))
      }
    expect((await bed.ask({ path: '/api/now', cookie: bed.cookie })).status).toBe(200)
  })

  it('of one address are 64 at most, and free again when they end', async () => {
    const bed = await open()
    const sockets = Array.from({ length: 80 }, () => connect(bed.served.port, '127.0.0.1'))
    const closed = new Set<unknown>()
    for (const socket of sockets) socket.on('error', () => undefined).on('close', () => closed.add(socket))
    await until(() => closed.size >= 16)
    await pause(100)
    expect(closed.size).toBe(16)
    for (const socket of sockets) socket.destroy()
    await until(() => closed.size === 80)
    await pause(50)
    expect((await bed.ask({ path: '/api/now', cookie: bed.cookie })).status).toBe(200)
  })
})

describe('what is live', () => {
  it('comes as events, in their order', async () => {
    const bed = await open({
      async *live() {
        yield { event: 'wan', data: { ipv4: 'up', ipv6: 'down' } }
        // A name from the network cannot become an event of its own.
        yield { event: 'question', data: { name: 'x\n\nevent: wan\ndata: {}\n\n' } } as unknown as LiveEvent
      },
    })
    const listener = await listen(bed)
    await until(() => listener.ended())
    expect(listener.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
    })
    expect(listener.text()).toBe(
      ': \n\nevent: wan\ndata: {"ipv4":"up","ipv6":"down"}\n\n' +
        'event: question\ndata: {"name":"x\\n\\nevent: wan\\ndata: {}\\n\\n"}\n\n',
    )
  })

  it('has a heartbeat, and ends for who was signed out', async () => {
    const bed = await open()
    const listener = await listen(bed)
    await until(() => listener.text().split(': \n\n').length > 3)
    await bed.ask({ method: 'POST', path: '/api/sign-out', cookie: bed.cookie, body: {} })
    await until(() => listener.ended())
  })

  it('is told to end when nobody listens any more', async () => {
    let told = false
    const bed = await open({
      async *live(signal) {
        signal.addEventListener('abort', () => {
          told = true
        })
        yield* ticks(signal)
      },
    })
    const listener = await listen(bed)
    await until(() => listener.text().includes('wan'))
    listener.end()
    await until(() => told)
  })

  it('is for 32 at a time, and for the next when one leaves', async () => {
    const bed = await open()
    const listeners = await Promise.all(Array.from({ length: 32 }, () => listen(bed)))
    expect((await bed.ask({ path: '/api/live', cookie: bed.cookie })).status).toBe(503)
    listeners[0]?.end()
    let next: Listener | undefined
    await until(async () => {
      next = await listen(bed)
      return next.status === 200
    })
    for (const listener of [...listeners, next]) listener?.end()
  })

  it('is not kept for who reads nothing', async () => {
    let made = 0
    const bed = await open({
      async *live(signal) {
        while (!signal.aborted && made < 20_000) {
          made += 1
          yield { event: 'question', data: { name: 'x'.repeat(2000) } } as unknown as LiveEvent
          if (made % 100 === 0) await pause(0)
        }
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
      },
    })
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed
    const asked = request(bed.options({ path: '/api/live', cookie: bed.cookie }), (response) =>
      response.pause(),
    )
    asked.on('error', () => undefined)
    asked.end()
    await until(() => made >= 20_000, 20_000)
    // 40 MB went by; what is kept is a few hundred events, and what sockets hold.
    const kept = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before
    expect(kept).toBeLessThan(25_000_000)
    asked.destroy()
  })
})

it('who leaves at once takes no place from others', async () => {
  const bed = await open({
    async *live(signal) {
      yield* ticks(signal)
    },
  })
  for (const path of ['/api/live', '/api/export/names'])
    await Promise.all(
      Array.from({ length: 48 }, async (_, i) => {
        const asked = request(bed.options({ path, cookie: bed.cookie }))
        asked.on('error', () => undefined)
        await new Promise<void>((resolve) => asked.end(resolve))
        // Some before they are read, some in the middle of the answer.
        await pause(i % 12)
        asked.destroy()
      }),
    )
  await until(async () => {
    const listeners = await Promise.all(Array.from({ length: 32 }, () => listen(bed)))
    for (const listener of listeners) listener.end()
    return listeners.every(({ status }) => status === 200)
  })
  await until(async () => (await bed.ask({ path: '/api/export/names', cookie: bed.cookie })).status === 200)
})

describe('an export', () => {
  it('that fails on the way is no whole file', async () => {
    const bed = await open({
      async *exportRows() {
        yield 'name\n'
        await pause(50)
        throw new Error('the disk is gone')
      },
    })
    await expect(bed.ask({ path: '/api/export/names', cookie: bed.cookie })).rejects.toThrow()
    expect((await bed.ask({ path: '/api/now', cookie: bed.cookie })).status).toBe(200)
  })

  it('is one of two at a time, ends when its reader leaves, and waits for a slow one', async () => {
    let made = 0
    let ended = 0
    const bed = await open({
      async *exportRows() {
        try {
          for (;;) {
            made += 1
            yield `${'x'.repeat(10_000)}\n`
            await pause(0)
          }
        } finally {
          ended += 1
        }
      },
    })
    const options = bed.options({ path: '/api/export/connections', cookie: bed.cookie })
    const asked = await Promise.all(
      [1, 2].map(
        () =>
          new Promise<ReturnType<typeof request>>((resolve) => {
            const one = request(options, (response) => {
              response.pause()
              resolve(one)
            })
            one.on('error', () => undefined)
            one.end()
          }),
      ),
    )
    expect((await bed.ask({ path: '/api/export/names', cookie: bed.cookie })).status).toBe(503)
    let last = -1
    await until(async () => {
      const same = made === last
      last = made
      await pause(200)
      return same
    }, 20_000)
    for (const one of asked) one.destroy()
    await until(() => ended === 2)
  })
})

it('the container sees no key but the server’s own', async () => {
  const bed = await open()
  expect(readFileSync(`${bed.tlsDirectory}/cert.pem`, 'utf8').match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
})

type Listener = Awaited<ReturnType<typeof listen>>

function listen(bed: Bed & { readonly cookie: string }) {
  let text = ''
  let ended = false
  return new Promise<{
    readonly status: number | undefined
    readonly headers: object
    text(): string
    ended(): boolean
    end(): void
  }>((resolve, reject) => {
    const asked = request(bed.options({ path: '/api/live', cookie: bed.cookie }), (response) => {
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8')
      })
      response.on('close', () => {
        ended = true
      })
      response.on('error', () => undefined)
      resolve({
        status: response.statusCode,
        headers: response.headers,
        text: () => text,
        ended: () => ended,
        end: () => asked.destroy(),
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}

async function* ticks(signal: AbortSignal): AsyncGenerator<LiveEvent> {
  while (!signal.aborted) {
    yield { event: 'wan', data: { ipv4: 'up', ipv6: 'up' } }
    await pause(10)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function until(done: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  const end = performance.now() + ms
  while (!(await done())) {
    if (performance.now() > end) throw new Error('it did not come to that')
    await pause(10)
  }
}
