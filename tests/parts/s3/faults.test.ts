import { once } from 'node:events'
import { open, readdir, writeFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { hashFile } from '../../../src/recorder/archive/file-hash.ts'
import { S3Client } from '../../../src/recorder/archive/s3/client.ts'
import { type Bed, KEY, makeBed, partition } from './bed.ts'

/* Servers that refuse, hang, lie and die: nothing is lost, nothing is believed, and the next pass waits. */

const DAY = '2026-11-23'
const NOW = '2026-11-24T02:00:00Z'
const EMPTY_LIST = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
const timeouts = () => ({ connectMs: 500, idleMs: 300, totalMs: 3000 })

let server: Server
let sockets: Set<Socket>
let bed: Bed
/** What the server does with a request: its head, and the connection. */
let handle: (head: string, socket: Socket) => void
let heads: string[]

beforeEach(async () => {
  sockets = new Set()
  heads = []
  server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    let head = ''
    socket.on('data', (data: Buffer) => {
      if (head.includes('\r\n\r\n')) return
      head += data.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      heads.push(head.split('\r\n')[0] ?? '')
      handle(head, socket)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  bed = await makeBed(`http://127.0.0.1:${address.port}`)
  await bed.write(DAY, 'day-0000000004.parquet', ['a.example', 'b.example'])
})

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  server.close()
  await bed.close()
})

function reply(socket: Socket, status: string, body = '', headers = ''): void {
  socket.end(
    `HTTP/1.1 ${status}\r\n${headers}content-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
  )
}

function error(code: string, message = 'No'): string {
  return `<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`
}

/** A server that knows that the bucket is empty, and does something to a PUT. */
function onPut(put: (socket: Socket, head: string) => void): void {
  handle = (head, socket) =>
    head.startsWith('GET ') ? reply(socket, '200 OK', EMPTY_LIST) : put(socket, head)
}

const faults: readonly (readonly [string, 'time' | 'user', string, () => void])[] = [
  ['hangs before it answers', 'time', 'silent for 0.3 s', () => onPut(() => undefined)],
  [
    'hangs in the middle of its answer',
    'time',
    'aborted',
    () => onPut((socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc')),
  ],
  [
    'cuts its answer',
    'time',
    'aborted',
    () => onPut((socket) => void socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc')),
  ],
  [
    'answers something else than HTTP',
    'time',
    'Parse Error',
    () => onPut((socket) => void socket.end('SSH-2.0-OpenSSH_9.2\r\n')),
  ],
  [
    'dies in the middle of the upload',
    'time',
    'ECONNRESET',
    () =>
      onPut((socket) => {
        socket.write('HTTP/1.1 100 Continue\r\n\r\n')
        socket.once('data', () => socket.resetAndDestroy())
      }),
  ],
  [
    'answers 503',
    'time',
    '503 SlowDown',
    () => onPut((socket) => reply(socket, '503 Slow Down', error('SlowDown'))),
  ],
  [
    'answers 429 without a body',
    'time',
    '429',
    () => onPut((socket) => reply(socket, '429 Too Many Requests')),
  ],
  [
    'stored other bytes',
    'time',
    'another checksum',
    () => onPut((socket) => reply(socket, '200 OK', '', 'etag: "d41d8cd98f00b204e9800998ecf8427e"\r\n')),
  ],
  [
    'says nothing of what it stored',
    'time',
    'another checksum, or none',
    () => onPut((socket) => reply(socket, '200 OK')),
  ],
  [
    'answers 403',
    'user',
    'sekisho archive policy',
    () => onPut((socket) => reply(socket, '403 Forbidden', error('AccessDenied'))),
  ],
  [
    'has no such bucket',
    'user',
    'create the bucket',
    () => {
      handle = (_, socket) => reply(socket, '404 Not Found', error('NoSuchBucket'))
    },
  ],
  [
    'has the bucket elsewhere',
    'user',
    'another region, eu-west-1',
    () => {
      handle = (_, socket) =>
        reply(socket, '301 Moved', error('PermanentRedirect'), 'x-amz-bucket-region: eu-west-1\r\n')
    },
  ],
  [
    'finds our clock wrong',
    'user',
    'is off by -3600 s',
    () => {
      handle = (_, socket) =>
        reply(
          socket,
          '403 Forbidden',
          error('RequestTimeTooSkewed'),
          'date: Tue, 24 Nov 2026 03:00:00 GMT\r\n',
        )
    },
  ],
  [
    'lists no bucket but a web page',
    'time',
    'no list of objects',
    () => {
      handle = (_, socket) => reply(socket, '200 OK', '<html>Please log in</html>')
    },
  ],
  [
    'sends an answer without an end',
    'time',
    'more than',
    () => {
      handle = (_, socket) => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        const more = (): void => {
          while (!socket.destroyed && socket.write('<Key>a</Key>'.repeat(4096)));
          if (!socket.destroyed) socket.once('drain', more)
        }
        more()
      }
    },
  ],
]

it.each(faults)('a server that %s: the upload waits for %s', async (_, waitsFor, words, prepare) => {
  prepare()
  const report = await bed.upload(NOW, { timeouts })
  expect(report).toMatchObject({ uploaded: 0, waiting: 1, problem: expect.stringContaining(words) })
  expect(report.problem).not.toContain(KEY.AWS_SECRET_ACCESS_KEY)
  const state = await bed.state()
  expect(state.get(partition(DAY))).toBeUndefined()
  expect(state.backOff).toMatchObject({ failures: 1, waitsFor, problem: expect.stringContaining(words) })
  expect(await readdir(join(bed.data, 'archive/site=gate/kind=dns', `date=${DAY}`))).toHaveLength(1)
})

it('asks nothing while it waits, longer after each failure, and forgets it when all is well', async () => {
  let ill = true
  onPut((socket, head) => {
    const sha256 = /x-amz-checksum-sha256: (\S+)/.exec(head)?.[1] ?? ''
    if (ill) reply(socket, '503 Slow Down')
    else {
      socket.write('HTTP/1.1 100 Continue\r\n\r\n')
      socket.once('data', () => reply(socket, '200 OK', '', `x-amz-checksum-sha256: ${sha256}\r\n`))
    }
  })
  let now = Date.parse(NOW)
  const at = () => new Date(now).toISOString()
  for (let failures = 1; failures <= 4; failures++) {
    await bed.upload(at(), { timeouts })
    const { backOff } = await bed.state()
    expect(backOff?.failures).toBe(failures)
    const asked = heads.length
    if (backOff && backOff.until > now) {
      await bed.upload(at(), { timeouts })
      expect(heads).toHaveLength(asked)
      now = backOff.until
    }
  }
  ill = false
  expect(await bed.upload(at(), { timeouts })).toMatchObject({ uploaded: 1, waiting: 0 })
  expect((await bed.state()).backOff).toBeUndefined()
})

it('says which credentials are missing, and nothing of those that are there', async () => {
  onPut((socket) => reply(socket, '503 Slow Down'))
  const missing = join(bed.data, 'nothing')
  const s3 = { ...bed.s3, credentialsFile: missing }
  expect(await bed.upload(NOW, { s3 })).toMatchObject({ problem: expect.stringContaining(`'${missing}'`) })
  const bad = join(bed.data, 'bad')
  await writeFile(bad, '[default]\naws_secret_access_key = oh-no\n')
  const report = await bed.upload('2026-11-25T02:00:00Z', { s3: { ...s3, credentialsFile: bad } })
  expect(report.problem).toBe(`${bad} has no aws_access_key_id and aws_secret_access_key`)
  expect(heads).toEqual([])
})

it('streams: a large file does not go through memory', async () => {
  const path = join(bed.data, 'large')
  const file = await open(path, 'w')
  await file.truncate(300 * 2 ** 20)
  await file.close()
  const hash = await hashFile(path)
  let received = 0
  onPut((socket) => {
    socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    socket.on('data', (data: Buffer) => {
      received += data.length
      if (received === hash.bytes) reply(socket, '200 OK', '', `etag: "${hash.md5}"\r\n`)
    })
  })
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
  const before = process.memoryUsage().rss
  let most = before
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss)
  }, 20)
  await new S3Client({ settings: bed.s3, credentials }).putFile('large', path, hash)
  clearInterval(watch)
  expect(received).toBe(hash.bytes)
  expect(most - before).toBeLessThan(100 * 2 ** 20)
})
