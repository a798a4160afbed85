import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FluentClient, FluentSocketEvent } from '@fluent-org/logger'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ForwardClient, ownAddress } from '../../../../tests/forward-client.ts'
import { loggedFrames } from '../../../../tests/recorder-log.ts'
import { Wal } from '../../wal/wal.ts'
import type { ChunkLog } from './chunk-store.ts'
import type { CredentialFiles } from './credentials.ts'
import { forwardLines } from './entries.ts'
import { compressedMode, eventTime, forwardMode, messageMode, packedMode } from './fixtures.ts'
import { ForwardSource } from './listen.ts'

const PORT = 24224
const entries = [
  [eventTime(1_700_000_000, 1), { n: 1 }],
  [1_700_000_001, { n: 2 }],
] as const

let data: string
let address: string
let wal: Wal
let sources: ForwardSource[]
let clients: ForwardClient[]

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'forward-'))
  address = ownAddress()
  wal = await Wal.open({ data, flushMs: 10 })
  sources = []
  clients = []
})
afterEach(async () => {
  for (const client of clients) client.socket.destroy()
  for (const source of sources) await source.stop()
  await wal.close()
  await rm(data, { recursive: true })
})

async function listen(log: ChunkLog = wal, credentials?: CredentialFiles): Promise<ForwardSource> {
  const settings = { port: PORT, addresses: [address], ...(credentials && { credentials }) }
  const source = await ForwardSource.start(settings, log)
  sources.push(source)
  return source
}

async function client(): Promise<ForwardClient> {
  const connected = await ForwardClient.connect(address)
  clients.push(connected)
  return connected
}

async function untilCounted(source: ForwardSource, counts: Partial<ForwardSource['counts']>): Promise<void> {
  await expect.poll(() => source.counts, { timeout: 10_000, interval: 5 }).toMatchObject(counts)
}

/** What was stored: tag and record of every event. */
async function stored(): Promise<[tag: string, record: unknown][]> {
  return (await loggedFrames(data)).flatMap(({ meta, body }) => {
    if (!meta.forward) return []
    const { tag } = meta.forward
    const lines = [...forwardLines(meta.forward, body, meta.at)].map(({ lines }) => lines.toString()).join('')
    const records = lines.split('\n').slice(0, -1)
    expect(records).toHaveLength(meta.rows ?? 0)
    return records.map((line): [string, unknown] => [tag, (JSON.parse(line) as { record: unknown }).record])
  })
}

async function secrets(): Promise<Required<CredentialFiles>> {
  const sharedKeyFile = join(data, 'key')
  const usersFile = join(data, 'users')
  await writeFile(sharedKeyFile, 'the key\n', { mode: 0o400 })
  await writeFile(usersFile, '# who may send\nalice:with:colons\n', { mode: 0o400 })
  return { sharedKeyFile, usersFile }
}

describe('a client', () => {
  it('has every mode stored and acknowledged', async () => {
    const source = await listen()
    const sender = await client()
    sender.send(
      messageMode('message', entries[0], { chunk: 'c1' }),
      forwardMode('forward', entries, { chunk: 'c2' }),
      packedMode('packed', entries, { chunk: 'c3' }),
      compressedMode('compressed', entries, { chunk: 'c4' }),
    )
    for (const ack of ['c1', 'c2', 'c3', 'c4']) expect(await sender.answer()).toEqual({ ack })
    expect(source.counts).toEqual({ received: 7, stored: 7, dropped: 0, malformed: 0 })
    expect(await stored()).toEqual([
      ['message', { n: 1 }],
      ...['forward', 'packed', 'compressed'].flatMap((tag) => [
        [tag, { n: 1 }],
        [tag, { n: 2 }],
      ]),
    ])
    const [frame] = (await loggedFrames(data)).filter(({ meta }) => meta.forward)
    expect(frame?.meta.forward).toMatchObject({ chunk: 'c1', senderAddress: '127.0.0.1' })
  })

  it('that waits for nothing has its events stored in their order, many a frame', async () => {
    const source = await listen()
    const sender = await client()
    const messages = Array.from({ length: 5000 }, (_, n) =>
      messageMode(n % 1000 < 700 ? 'a' : 'b', [n + 1, { n }]),
    )
    sender.send(Buffer.from([0xc0]), Buffer.concat(messages), packedMode('c', entries))
    await untilCounted(source, { stored: 5002, received: 5002 })
    expect((await stored()).slice(0, 5000).map(([, record]) => record)).toEqual(
      messages.map((_, n) => ({ n })),
    )
    expect((await loggedFrames(data)).length).toBeLessThan(200)
  })

  it('may send a chunk again: it is acknowledged again and stored once', async () => {
    const source = await listen()
    const chunk = packedMode('t', entries, { chunk: 'c1' })
    const first = await client()
    first.send(chunk, chunk)
    expect(await first.answer()).toEqual({ ack: 'c1' })
    expect(await first.answer()).toEqual({ ack: 'c1' })
    const second = await client()
    second.send(chunk)
    expect(await second.answer()).toEqual({ ack: 'c1' })
    expect(await stored()).toHaveLength(2)
    expect(source.counts).toMatchObject({ received: 2, stored: 2 })
    expect(source.details()).toMatchObject({ duplicates: 2, connections: 2 })
    second.send(packedMode('t', [[1, { other: 1 }]], { chunk: 'c1' }))
    expect(await second.answer()).toEqual({ ack: 'c1' })
    expect(await stored()).toHaveLength(3)
  })

  it('that ends its half of the connection still gets its acknowledgement', async () => {
    await listen()
    const sender = await client()
    sender.socket.end(packedMode('t', entries, { chunk: 'c1' }))
    expect(await sender.answer()).toEqual({ ack: 'c1' })
    await sender.closed
  })

  it('is asked over UDP and by a bare connection whether we are there', async () => {
    const source = await listen()
    const bare = await client()
    bare.socket.end()
    await bare.closed
    const udp = createSocket('udp4')
    const answer = once(udp, 'message') as Promise<[Buffer]>
    udp.send('\0', PORT, address)
    expect((await answer)[0]).toEqual(Buffer.from([0]))
    udp.close()
    expect(source.counts).toEqual({ received: 0, stored: 0, dropped: 0, malformed: 0 })
  })
})

describe('what is wrong', () => {
  it('is counted and not acknowledged, and the next good chunk is stored', async () => {
    const source = await listen()
    const sender = await client()
    sender.send(
      messageMode('', [1, {}]),
      forwardMode('t', [5 as never]),
      packedMode('t', entries, { chunk: 'c1' }),
    )
    expect(await sender.answer()).toEqual({ ack: 'c1' })
    expect(source.counts).toEqual({ received: 4, stored: 2, dropped: 0, malformed: 2 })
  })

  it.each([
    ['another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: example.org\r\n\r\n')],
    ['JSON', Buffer.from('["tag",1,{}]')],
    ['no MessagePack', Buffer.from([0x93, 0xc1, 0xc1])],
    ['a message of 4 GiB', Buffer.from('92a174c6ffffffff', 'hex')],
    ['a map of 2^32 pairs', Buffer.from('dfffffffff', 'hex')],
  ])('%s ends the connection, once counted', async (_, bytes) => {
    const source = await listen()
    const sender = await client()
    sender.send(bytes)
    await sender.closed
    await untilCounted(source, { received: 1, malformed: 1 })
    const next = await client()
    next.send(packedMode('t', entries, { chunk: 'c1' }))
    expect(await next.answer()).toEqual({ ack: 'c1' })
  })

  it('a message that is cut off is counted, unless its sender will send it again', async () => {
    const source = await listen()
    const cut = packedMode('t', entries, { chunk: 'c1' }).subarray(0, 20)
    const sender = await client()
    sender.socket.end(cut)
    await untilCounted(source, { malformed: 1 })
    const careful = await client()
    careful.send(packedMode('t', entries, { chunk: 'c1' }))
    await careful.answer()
    careful.socket.end(cut)
    await careful.closed
    expect(source.counts).toEqual({ received: 3, stored: 2, dropped: 0, malformed: 1 })
  })
})

describe('back-pressure', () => {
  /** A log that stores nothing until it is let go. */
  function stalled(): ChunkLog & { letGo(): void; readonly bytes: number } {
    let free = false
    let bytes = 0
    const waiting: (() => void)[] = []
    const until = (): Promise<void> =>
      free ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))
    return {
      get full() {
        return free ? wal.full : bytes >= 1024 * 1024
      },
      get bytes() {
        return bytes
      },
      append: async (meta, body) => {
        bytes += body.length
        await until()
        await wal.append(meta, body)
      },
      room: (signal) => (free ? wal.room(signal) : until()),
      letGo() {
        free = true
        for (const resolve of waiting.splice(0)) resolve()
      },
    }
  }

  it('stops reading while the log is stalled, acknowledges nothing, and goes on', async () => {
    const log = stalled()
    const source = await listen(log)
    const senders = await Promise.all(Array.from({ length: 5 }, client))
    const count = 100
    const pad = 'x'.repeat(50_000)
    const acks: unknown[] = []
    const reading = senders.map(async (sender) => {
      for (let i = 0; i < count; i++) acks.push(await sender.answer())
    })
    for (const [s, sender] of senders.entries())
      for (let i = 0; i < count; i++) sender.send(packedMode('t', [[1, { pad }]], { chunk: `${s} ${i}` }))
    await expect.poll(() => log.bytes, { timeout: 10_000 }).toBeGreaterThan(1024 * 1024)
    await sleep(200)
    expect(log.bytes).toBeLessThan(2 * 1024 * 1024)
    expect(acks).toEqual([])
    log.letGo()
    await Promise.all(reading)
    expect(new Set(acks.map((answer) => (answer as { ack: string }).ack)).size).toBe(5 * count)
    expect(source.counts).toMatchObject({ received: 5 * count, stored: 5 * count })
  })

  it('does not read a client that does not read its acknowledgements', async () => {
    const source = await listen()
    const sender = await client()
    sender.socket.pause()
    const chunk = 'c'.repeat(250)
    let sent = 0
    // More acknowledgements than the kernel buffers on both sides.
    while (sent < 400_000 && sender.socket.writableLength < 4 * 1024 * 1024) {
      sender.send(
        Buffer.concat(Array.from({ length: 1000 }, () => messageMode('t', [1, { sent: sent++ }], { chunk }))),
      )
      await sleep(1)
    }
    expect(sent).toBeLessThan(400_000)
    expect(source.counts.received).toBeLessThan(sent)
  }, 60_000)

  it('holds little for many clients that begin large messages and do not end them', async () => {
    const source = await listen()
    const senders = await Promise.all(Array.from({ length: 60 }, client))
    const begun = Buffer.concat([Buffer.from('92a174c601f00000', 'hex'), Buffer.alloc(1024 * 1024)])
    const before = process.memoryUsage().rss
    for (const sender of senders) sender.send(begun)
    await sleep(1000)
    expect(process.memoryUsage().rss - before).toBeLessThan(60 * 1024 * 1024 + 60 * begun.length)
    const good = await client()
    good.send(packedMode('t', entries, { chunk: 'c1' }))
    expect(await good.answer()).toEqual({ ack: 'c1' })
    expect(source.counts.stored).toBe(2)
  })
})

describe('the handshake', () => {
  it('lets nobody send who does not know the key', async () => {
    const source = await listen(wal, await secrets())
    const sender = await client()
    expect(await sender.answer()).toMatchObject(['HELO', { keepalive: true }])
    sender.send(packedMode('t', entries, { chunk: 'c1' }))
    await sender.closed
    expect(source.counts.received).toBe(0)
    const other = await client()
    await other.answer()
    other.send(Buffer.from('96a450494e47a161a162a163a164a165', 'hex'))
    expect(await other.answer()).toEqual(['PONG', false, 'shared key mismatch', '', ''])
    await other.closed
    const large = await client()
    await large.answer()
    large.send(Buffer.from('96a450494e47c600100000', 'hex'))
    await large.closed
  })

  it('serves nobody when the secrets cannot be read', async () => {
    const source = await listen(wal, { sharedKeyFile: join(data, 'missing') })
    expect(source.state()).toContain('missing')
    await expect(client()).rejects.toThrow('ECONNREFUSED')
  })

  it('says where the file of users is wrong, and not what is in it', async () => {
    const files = await secrets()
    await rm(files.usersFile)
    await writeFile(files.usersFile, '# users\nalice secret\n')
    const source = await listen(wal, files)
    expect(source.state()).toBe(`${files.usersFile}:2 is not "name:password"`)
  })
})

describe("@fluent-org/logger's client", () => {
  const modes = ['Message', 'Forward', 'PackedForward', 'CompressedPackedForward'] as const

  it.each(modes)('sends in mode %s, with acknowledgements, a shared key and a user', async (eventMode) => {
    const source = await listen(wal, await secrets())
    const logger = new FluentClient('app', {
      eventMode,
      socket: { host: address, port: PORT },
      ack: { ackTimeout: 10_000 },
      milliseconds: true,
      security: {
        clientHostname: 'client.example.org',
        sharedKey: 'the key',
        username: 'alice',
        password: 'with:colons',
      },
    })
    await Promise.all(
      Array.from({ length: 50 }, (_, n) => logger.emit('web', { n }, new Date(1_700_000_000_123))),
    )
    await logger.disconnect()
    expect(source.counts).toEqual({ received: 50, stored: 50, dropped: 0, malformed: 0 })
    const found = await stored()
    expect(new Set(found.map(([tag]) => tag))).toEqual(new Set(['app.web']))
    expect(new Set(found.map(([, record]) => (record as { n: number }).n)).size).toBe(50)
  })

  it.each([
    { sharedKey: 'wrong', username: 'alice', password: 'with:colons' },
    { sharedKey: 'the key', username: 'alice', password: 'wrong' },
    { sharedKey: 'the key' },
  ])('is refused with %j', async (security) => {
    const source = await listen(wal, await secrets())
    const logger = new FluentClient('app', {
      socket: { host: address, port: PORT, disableReconnect: true },
      ack: { ackTimeout: 2000 },
      eventRetry: { attempts: 0 },
      disableAutoconnect: true,
      security: { clientHostname: 'client.example.org', ...security },
    })
    const failure = new Promise((resolve) => logger.socketOn(FluentSocketEvent.ERROR, resolve))
    void logger.connect().catch(() => undefined)
    expect(String(await failure)).toMatch(/key mismatch|password mismatch/)
    expect(source.counts.received).toBe(0)
  })
})

describe('stopping', () => {
  it('stores what came and acknowledges it', async () => {
    const source = await listen()
    const [careful, careless] = [await client(), await client()]
    careful.send(packedMode('t', entries, { chunk: 'c1' }))
    careless.send(messageMode('t', entries[0]))
    await untilCounted(source, { received: 3 })
    await sources.pop()?.stop()
    expect(await careful.answer()).toEqual({ ack: 'c1' })
    await Promise.all([careful.closed, careless.closed])
    expect(source.counts).toMatchObject({ received: 3, stored: 3 })
    expect(source.state()).toBe('stopped')
  })
})

describe('listening', () => {
  it('says when a port is taken, and has it when it is free', async () => {
    const other = createServer()
    other.listen(PORT, address)
    await once(other, 'listening')
    const source = await listen()
    expect(source.state()).toContain('EADDRINUSE')
    other.close()
    await expect.poll(() => source.state(), { timeout: 10_000 }).toBe('up')
  })

  it('waits for an address that is not there yet', async () => {
    address = '192.0.2.99'
    const source = await listen()
    expect(source.state()).toBe('up')
    expect(source.details()).toMatchObject({ absentAddresses: 1 })
  })
})
