import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeMulti, decodeMultiStream, Encoder } from '@msgpack/msgpack'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeDnsCapture } from '../../bench/dns-capture.ts'
import { ensurePackages } from '../../src/build/debian.ts'
import { run, runOk } from '../../src/lib/run.ts'
import type { DnsRecord } from '../../src/recorder/records/dns.ts'
import { oddCapture } from '../dns-odd-capture.ts'

/*
 * `sekisho dns read` beside tshark on the same captures: each message that tshark decodes is in a record, with the same
 * name, type, rcode and answers.
 */

const ROOT = new URL('../..', import.meta.url).pathname
const SEKISHO = join(ROOT, 'sekisho')

let folder: string
let household: string
let odd: string

beforeAll(async () => {
  await ensurePackages(['tshark'])
  folder = await mkdtemp(join(tmpdir(), 'dns-read-'))
  household = join(folder, 'household.pcap')
  odd = join(folder, 'odd.pcap')
  await writeDnsCapture(household, 20_000)
  await writeFile(odd, oddCapture())
})

afterAll(() => rm(folder, { recursive: true }))

async function read<T = DnsRecord>(file: string, ...options: string[]): Promise<T[]> {
  const stdout = await runOk([SEKISHO, 'dns', 'read', file, ...options])
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}

/** A message as both have it. */
interface Seen {
  readonly micros: number
  readonly response: boolean
  readonly id: number
  readonly rcode: number | undefined
  readonly name: string
  readonly type: number | undefined
  readonly answers: readonly string[]
}

const FIELDS = [
  'frame.time_epoch',
  'dns.id',
  'dns.flags.response',
  'dns.flags.rcode',
  'dns.qry.name',
  'dns.qry.type',
  'dns.count.answers',
  'dns.resp.name',
  'dns.resp.type',
  'dns.a',
  'dns.aaaa',
  'dns.cname',
  'dns.ptr.domain_name',
  'dns.txt',
  'dns.mx.mail_exchange',
  'dns.srv.target',
]

/** tshark's decode; of each message what it says of question, rcode and answers. */
async function tshark(file: string): Promise<Seen[]> {
  const fields = FIELDS.flatMap((field) => ['-e', field])
  const argv = ['tshark', '-n', '-r', file, '-Y', 'dns && !mdns', '-T', 'json', ...fields]
  const frames = JSON.parse(await runOk(argv)) as { _source: { layers: Record<string, string[]> } }[]
  return frames.map(({ _source: { layers } }) => {
    const all = (field: string): string[] => layers[field] ?? []
    const one = (field: string): string | undefined => layers[field]?.[0]
    const response = one('dns.flags.response') === '1' || one('dns.flags.response') === 'True'
    const answers = Number(one('dns.count.answers'))
    const types = all('dns.resp.type').map(Number)
    const names = [...all('dns.resp.name')]
    const data = {
      1: [...all('dns.a')],
      5: [...all('dns.cname')],
      12: [...all('dns.ptr.domain_name')],
      15: [...all('dns.mx.mail_exchange')],
      16: [...all('dns.txt')],
      28: [...all('dns.aaaa')],
      33: [...all('dns.srv.target')],
    } as Record<number, string[]>
    return {
      micros: Math.round(Number(one('frame.time_epoch')) * 1_000_000),
      response,
      id: Number(one('dns.id')),
      rcode: response ? Number(one('dns.flags.rcode')) : undefined,
      name: plainName(one('dns.qry.name') ?? ''),
      type: one('dns.qry.type') === undefined ? undefined : Number(one('dns.qry.type')),
      answers: response
        ? types
            .slice(0, answers)
            .map((type) => answerText(type === SRV ? '' : (names.shift() ?? ''), type, data[type]?.shift()))
        : [],
    }
  })
}

/** tshark takes the names of SRV records apart. */
const SRV = 33

function plainName(text: string): string {
  return text === '<Root>' ? '.' : text.toLowerCase()
}

function answerText(name: string, type: number, data: string | undefined): string {
  return `${plainName(name)} ${type} ${plainName(data ?? '')}`
}

const TYPES: Readonly<Record<string, number>> = {
  A: 1,
  CNAME: 5,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
}
const NUMBERS: Readonly<Record<string, number>> = {
  ...TYPES,
  NS: 2,
  SOA: 6,
  HTTPS: 65,
  ANY: 255,
  AXFR: 252,
  TYPE65280: 65_280,
}
/** The header's four bits: those of EDNS tshark shows elsewhere. */
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED']

/** The messages that a record was made of. */
function messagesOf(record: DnsRecord): Seen[] {
  const micros = Date.parse(record.time) * 1000 + Number(record.time.slice(23, 26))
  const common = {
    id: record.messageId,
    name: record.queryName ?? '',
    type: record.queryType === undefined ? undefined : (NUMBERS[record.queryType] ?? -1),
  }
  const query = { ...common, micros, response: false, rcode: undefined, answers: [] }
  const response = {
    ...common,
    micros: micros + (record.responseTimeMicroseconds ?? 0),
    response: true,
    rcode: record.responseCode === 'BADVERS' ? 0 : RCODES.indexOf(record.responseCode ?? ''),
    answers: (record.answers ?? []).map(({ name, type, data }) =>
      answerText(
        type === 'SRV' ? '' : name,
        NUMBERS[type] ?? -1,
        type in TYPES ? lastWord(type, data) : undefined,
      ),
    ),
  }
  if (record.status === 'answered') return [query, response]
  return record.status === 'timeout' ? [query] : [response]
}

/** tshark's fields have a target without what is before it, and text without quotes. */
function lastWord(type: string, data: string): string {
  return type === 'TXT' ? data.replaceAll(/^"|"$/g, '') : (data.split(' ').at(-1) ?? '')
}

const sorted = (list: readonly Seen[]): string[] => list.map((seen) => JSON.stringify(seen, KEYS)).toSorted()
const KEYS = ['micros', 'response', 'id', 'rcode', 'name', 'type', 'answers']

describe('a household’s capture', () => {
  it('has the messages that tshark finds', async () => {
    const [records, theirs] = [await read(household), await tshark(household)]
    const again = new Set<string>()
    // A query that was sent again is one record; the capture has them a microsecond apart.
    const first = theirs.filter((seen) => {
      const key = `${seen.id} ${seen.name} ${seen.type} ${seen.micros - 1}`
      again.add(`${seen.id} ${seen.name} ${seen.type} ${seen.micros}`)
      return seen.response || !again.has(key)
    })
    expect(theirs.length).toBe(20_000)
    expect(theirs.length - first.length).toBeGreaterThan(20)
    expect(sorted(records.flatMap(messagesOf))).toEqual(sorted(first))
  })

  it.each([
    ['pcapng', ['-F', 'pcapng']],
    ['pcap with nanoseconds', ['-F', 'nsecpcap']],
  ])('is the same as %s', async (_, format) => {
    const other = join(folder, 'other')
    await runOk(['tshark', '-r', household, '-w', other, ...format])
    const records = (await read(other)).map((record) => ({ ...record, interface: undefined }))
    expect(records).toEqual(await read(household))
  })

  it('is the same from a pipe, a bit at a time', async () => {
    const child = spawn(SEKISHO, ['dns', 'read', '-'], { stdio: ['pipe', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.on('data', (text: Buffer) => (said += String(text)))
    const bytes = await readFile(household)
    for (let at = 0; at < bytes.length; at += 9973)
      if (!child.stdin.write(bytes.subarray(at, at + 9973))) await once(child.stdin, 'drain')
    child.stdin.end()
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
    expect(said).toBe(await runOk([SEKISHO, 'dns', 'read', household]))
  })
})

it('odd messages are as tshark has them', async () => {
  const [records, theirs] = [await read(odd), await tshark(odd)]
  expect(theirs.length).toBeGreaterThan(30)
  expect(sorted(records.flatMap(messagesOf))).toEqual(sorted(theirs))
})

describe('a capture that is not whole', () => {
  it('is read up to where it ends, and the exit code says so', async () => {
    const cut = join(folder, 'cut.pcap')
    const bytes = await readFile(household)
    await writeFile(cut, bytes.subarray(0, bytes.length - 10))
    const { code, stdout, stderr } = await run([SEKISHO, 'dns', 'read', cut])
    expect(code).toBe(1)
    expect(stderr).toMatch(/cut\.pcap: the capture is cut off: .*Fix: /)
    expect(stdout.split('\n').length).toBeGreaterThan(9000)
  })

  it.each([
    ['no capture', 'hello, this is text', /neither a pcap nor a pcapng capture\. Fix: /],
    ['empty', '', /is empty\. Fix: /],
    ['compressed', '\x1f\x8b\x08\x00', /compressed\. Fix: zcat /],
  ])('%s', async (_, text, said) => {
    const file = join(folder, 'bad')
    await writeFile(file, Buffer.from(text, 'latin1'))
    const { code, stderr } = await run([SEKISHO, 'dns', 'read', file])
    expect([code, stderr]).toEqual([1, expect.stringMatching(said)])
  })

  it('that is not there, and options that are none', async () => {
    for (const argv of [
      [join(folder, 'none')],
      [odd, '--format', 'xml'],
      [odd, '--records'],
      [odd, '--timeout', 'soon'],
      [odd, '--forward', 'nowhere'],
    ]) {
      const { code, stdout, stderr } = await run([SEKISHO, 'dns', 'read', ...argv])
      expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining('Fix: ')])
    }
  })
})

describe('for those who know dns-gazer', () => {
  it('transactions have its shape', async () => {
    const [transaction] = await read<object>(odd, '--format', 'dns-gazer')
    expect(transaction).toEqual({
      client_addr: '192.0.2.10',
      client_port: 40_000,
      query: [{ name: 'www.Example.org.', section: 'question', type: 'A' }],
      query_ts: 1_795_392_000,
      reply: [
        { name: 'www.Example.org.', section: 'question', type: 'A' },
        { data: '198.51.100.7', name: 'www.Example.org.', section: 'answer', type: 'A' },
      ],
      reply_ts: 1_795_392_000.001,
      server_addr: '192.0.2.53',
      server_port: 53,
      status: 'success',
      tx_id: 1,
    })
  })

  it('records come after what their message made of a transaction', async () => {
    const lines = await read<Record<string, unknown>>(odd, '--format', 'dns-gazer', '--records')
    expect(lines.slice(0, 4)).toMatchObject([
      { msg_type: 'query', section: 'question', name: 'www.Example.org.', tx_id: 1 },
      { status: 'success' },
      { msg_type: 'reply', section: 'question' },
      { msg_type: 'reply', section: 'answer', data: '198.51.100.7', type: 'A', client_port: 40_000 },
    ])
    const statuses = new Set(lines.map(({ status }) => status))
    expect([...statuses].toSorted()).toEqual(['no_query', 'no_reply', 'success', undefined])
  })
})

describe('to a receiver of Forward', () => {
  /** One that acknowledges what it is asked to, but for the first `deaf` chunks, whose connection it closes. */
  async function receiver(deaf: number) {
    const chunks: [tag: string, entries: Uint8Array, option: { chunk: string; size: number }][] = []
    const encoder = new Encoder()
    const serve = async (socket: Socket): Promise<void> => {
      for await (const value of decodeMultiStream(socket)) {
        const chunk = value as (typeof chunks)[number]
        chunks.push(chunk)
        if (chunks.length <= deaf) socket.destroy()
        else socket.write(encoder.encode({ ack: chunk[2].chunk }))
      }
    }
    const server = createServer((socket) => {
      serve(socket).catch(() => socket.destroy())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    return { chunks, to: `127.0.0.1:${port}`, close: () => server.close() }
  }

  it.each([[[]], [['--format', 'dns-gazer', '--records']]])('the same goes with %j', async (options) => {
    const { chunks, to, close } = await receiver(1)
    try {
      const said = await runOk([SEKISHO, 'dns', 'read', odd, '--forward', to, ...options])
      expect(said).toBe('')
      // What was not acknowledged comes again under the same id.
      expect(chunks[1]?.[2].chunk).toBe(chunks[0]?.[2].chunk)
      const events: unknown[] = []
      for (const [tag, entries, { size }] of chunks.slice(1)) {
        expect(tag).toMatch(options.length > 0 ? /^dns-gazer\.dns\.(tx|record)$/ : /^sekisho\.dns$/)
        let count = 0
        for (const entry of decodeMulti(entries)) {
          events.push((entry as unknown[])[1])
          count += 1
        }
        expect(count).toBe(size)
      }
      const lines = await read<object>(odd, ...options)
      const texts = (list: readonly unknown[]): string[] =>
        list.map((line) => JSON.stringify(line)).toSorted()
      expect(texts(events)).toEqual(texts(lines))
    } finally {
      close()
    }
  })

  it('that is not there is said', async () => {
    const { to, close } = await receiver(0)
    close()
    const { code, stderr } = await run([SEKISHO, 'dns', 'read', odd, '--forward', to])
    expect([code, stderr]).toEqual([1, expect.stringMatching(/does not reach 127.0.0.1:\d+: .*Fix: /)])
  })
})
