import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run } from '../../src/lib/run.ts'
import { Wal } from '../../src/recorder/wal/wal.ts'
import { makeData } from '../archive-pass.ts'
import {
  DAY,
  dns,
  flow,
  HOUR,
  iso,
  LAPTOP,
  NAMELESS,
  named,
  QUOTED,
  TV,
  writeWatched,
} from '../watched-records.ts'

/* `sekisho top`, `device`, `who` and `watch` as a person runs them, over the log and Parquet that the archive made. */

const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')

let data: string
let empty: string
let now: number

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'ask-data-'))
  empty = await mkdtemp(join(tmpdir(), 'ask-empty-'))
  makeData(empty)
  now = Date.now()
  await writeWatched(data, now)
})

afterAll(async () => {
  for (const directory of [data, empty]) await rm(directory, { recursive: true, force: true })
})

function sekisho(...args: string[]): ReturnType<typeof run> {
  const where = args.includes('--data') ? [] : ['--data', data]
  return run([process.execPath, MAIN, ...args, ...where], { env: { TZ: 'Asia/Tokyo' }, timeout: 60_000 })
}

async function json(...args: string[]): Promise<Record<string, unknown>[]> {
  const { stdout, stderr, code } = await sekisho(...args, '--json')
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** Some columns of each row. */
async function columns(names: readonly string[], ...args: string[]): Promise<unknown[][]> {
  return (await json(...args)).map((row) => names.map((name) => row[name]))
}

describe('top', () => {
  const by = (what: string, ...more: string[]): Promise<unknown[][]> =>
    columns(['key', 'down', 'up', 'connections'], 'top', '--by', what, ...more)

  test('by device: what each side got and sent, of an address who had it then', async () => {
    expect(await by('device')).toEqual([
      ['tv', 5_900_850, 50_800, 3],
      ['this router', 60_000, 10, 1],
      ['laptop', 41_900, 5600, 3],
      [QUOTED, 250, 4000, 1],
      ['printer', 3000, 1000, 1],
      ['10.0.0.66', 6, 5, 1],
    ])
    expect(await by('device', '--since', '5d', '--until', '1d')).toEqual([
      ['laptop', 300_000, 1500, 2],
      [NAMELESS, 300, 300, 1],
    ])
  })

  test('by name: a connection between two devices counts once, and an address says why it is one', async () => {
    expect(await columns(['key', 'note', 'down'], 'top', '--by', 'name')).toEqual([
      ['stream.example.com', undefined, 5_900_000],
      ['updates.example.net', undefined, 60_000],
      ['www.example.org', undefined, 40_000],
      ['203.0.113.9', 'incoming', 250],
      ['10.0.3.5', 'local', 1000],
      ['192.0.2.53', 'unresolved', 900],
      ['192.0.2.80', 'unresolved', 800],
      ['2001:db8:6::6', 'unresolved', 50],
      ['192.0.2.67', 'unresolved', 6],
    ])
  })

  test('by address, port and zone', async () => {
    expect((await columns(['key', 'of', 'down', 'devices'], 'top', '--by', 'address')).slice(0, 3)).toEqual([
      ['198.51.100.7', 'stream.example.com', 5_900_000, 1],
      ['192.0.2.200', 'updates.example.net', 60_000, 1],
      ['192.0.2.80', 'www.example.org', 40_800, 2],
    ])
    expect(await by('port')).toContainEqual(['tcp 853', 900, 600, 1])
    expect(await by('zone')).toEqual([
      ['home', 5_943_006, 60_405, 8],
      ['router', 60_000, 10, 1],
      ['guest', 3000, 1000, 1],
    ])
  })

  test('of one device, whichever end it is', async () => {
    expect(await by('address', '--client', 'printer')).toEqual([['10.0.0.9', 3000, 1000, 1]])
    expect((await by('name', '--client', 'tv')).map(([key]) => key)).toEqual([
      'stream.example.com',
      '192.0.2.80',
      '2001:db8:6::6',
    ])
    expect(await by('device', '--client', QUOTED)).toEqual([[QUOTED, 250, 4000, 1]])
  })

  test('for people, with what is not shown', async () => {
    const { stdout } = await sekisho('top', '--limit', '2')
    const lines = stdout.trimEnd().split('\n')
    expect(lines[1]).toMatch(/^DEVICE +NETWORK +DOWN +UP +SHARE +CONNS$/)
    expect(lines[2]).toMatch(/^tv +home +5\.9 MB +50\.8 kB +98\.1 % +3$/)
    expect(lines[4]).toBe('6.0 MB down, 61.4 kB up in 10 connections; 4 more not shown (--limit)')
  })
})

describe('who', () => {
  const who = (...args: string[]): Promise<unknown[][]> =>
    columns(['device', 'asked', 'connections', 'down', 'up'], 'who', ...args)

  test('asked for a name, or what is below it, or went to its addresses: all of it, now and in the archive', async () => {
    expect(await who('WWW.example.org.')).toEqual([
      ['tv', 0, 1, 800, 700],
      ['laptop', 4, 3, 340_000, 3500],
    ])
    expect(await who('example.org')).toEqual([
      [QUOTED, 1, 0, 0, 0],
      ['tv', 0, 1, 800, 700],
      ['laptop', 6, 3, 340_000, 3500],
    ])
    const [tv, laptop] = await json('who', 'www.example.org')
    expect(tv).toMatchObject({ macAddress: TV, unresolved: 1, names: [] })
    expect(laptop).toMatchObject({
      macAddress: LAPTOP,
      addresses: ['10.0.0.7', '10.0.0.9', 'fd00::7'],
      first: iso(now - 3 * DAY),
      last: iso(now - 2 * HOUR + 11_000),
      lastAsked: iso(now - 2 * HOUR + 2000),
      lastResponse: 'NOERROR',
      unresolved: 0,
      names: ['www.example.org', 'cdn.www.example.org'],
    })
  })

  test('within a time', async () => {
    expect(await who('www.example.org', '--until', '2d')).toEqual([['laptop', 2, 2, 300_000, 1500]])
    expect(await who('www.example.org', '--since', '1h')).toEqual([])
  })

  test('the address that moved is whose it was, and another name at the same address is not this one', async () => {
    expect((await who('other.example.com')).map(([device]) => device)).toEqual([NAMELESS])
    expect((await who('notexample.org')).map(([device]) => device)).toEqual([NAMELESS])
    expect(await who('192.0.2.80')).toEqual([
      ['tv', 0, 1, 800, 700],
      ['laptop', 1, 2, 240_000, 3000],
      [NAMELESS, 0, 1, 300, 300],
    ])
    // DNS answers before the last day are looked through only when it is said from when on.
    expect(await who('192.0.2.80', '--since', '5d')).toContainEqual(['laptop', 2, 2, 240_000, 3000])
  })

  test('an address or a prefix, of either end, of IPv6 too', async () => {
    expect((await who('2001:db8::/32')).map(([device]) => device)).toEqual(['tv', 'laptop'])
    expect((await who('2001:0DB8::80')).map(([device]) => device)).toEqual(['laptop'])
    expect(await who('10.0.3.5')).toEqual([['laptop', 0, 1, 1000, 3000]])
    expect(await columns(['device', 'incoming'], 'who', '203.0.113.0/24')).toEqual([[QUOTED, 1]])
    expect((await who('192.0.2.0/24')).map(([device]) => device)).toEqual([
      QUOTED,
      '10.0.0.66',
      'this router',
      'laptop',
      'tv',
      NAMELESS,
    ])
  })

  test('a name is text and no pattern, but for its *', async () => {
    expect(await who('a_b%c.example.net')).toEqual([[NAMELESS, 1, 0, 0, 0]])
    expect(await who("it's.example.net")).toEqual([[NAMELESS, 1, 0, 0, 0]])
    expect(await who('axb%c.example.net')).toEqual([])
    expect(await who('%.example.net')).toEqual([])
    expect((await who('*%*')).map(([device]) => device)).toEqual([NAMELESS])
    expect(await who("x' OR true --".replaceAll(' ', '.'))).toEqual([])
  })

  test('says what is not known yet, and what came to nothing', async () => {
    const just = await sekisho('who', 'just.example.org')
    expect(just.stdout).toMatch(/^o'brien 100% +\S+ \S+ +\S+ \S+ +1 +0 +open\? +open\?$/m)
    expect(just.stdout).toContain('no connection is on record yet')
    const old = await sekisho('who', 'a_b%c.example.net')
    expect(old.stdout).toMatch(/^02:00:5e:30:00:42 .* 1 +0 +- +-$/m)
    expect(old.stdout).toContain('no connection followed')
    expect((await sekisho('who', 'missing.example.org')).stdout).toContain('its last answer was NXDOMAIN')
    expect((await sekisho('who', 'stream.example.com')).stdout).toContain('1 connection still open')
  })

  test('nobody is an answer', async () => {
    for (const [target, text] of [
      ['nobody.example', 'Nobody asked for nobody.example or connected to it.\n'],
      ['198.51.100.99', 'Nobody was given 198.51.100.99 in the last day or connected to it.\n'],
    ] as const) {
      expect(await sekisho('who', target)).toMatchObject({ stdout: text, stderr: '', code: 0 })
      expect(await json('who', target)).toEqual([])
    }
    const { stdout } = await sekisho('who', 'nobody.example', '--csv')
    expect(stdout).toMatch(/^device,macAddress,addresses,first,last,.*\n$/)
  })

  test.each(['', '10.0.0.256', '10.0.0.0/33', 'a b', 'http://www.example.org/'])(
    '%j is refused',
    async (what) => {
      const { stdout, stderr, code } = await sekisho('who', what)
      expect({ stdout, code }).toEqual({ stdout: '', code: 1 })
      expect(stderr).toContain('is neither a name nor an address. Fix: ')
    },
  )
})

describe('device', () => {
  test('who it is, what it asked, where it went, how much', async () => {
    const [report] = await json('device', 'laptop', '--since', '5d')
    expect(report).toMatchObject({
      known: [{ macAddress: LAPTOP, randomMac: true, vendor: 'Example Computers', network: 'home' }],
      addresses: { now: ['10.0.0.9'], before: expect.arrayContaining(['10.0.0.7', 'fd00::7']) as unknown },
      questions: { asked: 7, names: 5, nxdomain: 1, failed: 0, unanswered: 1 },
      traffic: { down: 341_900, up: 7100, connections: 5, addresses: 4 },
      encryptedDns: [{ address: '192.0.2.53', port: 'tcp 853', connections: 1 }],
      unresolved: { connections: 1, addresses: 1 },
    })
    expect(report?.resolvers).toEqual([
      { address: '10.0.0.1', local: true, asked: 5 },
      { address: 'fd00::1', local: true, asked: 1 },
      { address: '192.0.2.53', local: false, asked: 1 },
    ])
    const traffic = report?.traffic as { parts: { down: number }[] } | undefined
    expect(traffic?.parts.reduce((sum, { down }) => sum + down, 0)).toBe(341_900)
    const destinations = report?.destinations as Record<string, unknown>[]
    expect(destinations.map(({ name, note, addresses, ports }) => [name, note, addresses, ports])).toEqual([
      ['www.example.org', undefined, 2, ['tcp 443']],
      ['10.0.3.5', 'local', 1, ['tcp 445']],
      ['192.0.2.53', 'unresolved', 1, ['tcp 853']],
    ])
  })

  test('the address means who had it last; one that nobody had stands for itself', async () => {
    const [tv] = await json('device', '10.0.0.7')
    expect(tv).toMatchObject({ known: [{ macAddress: TV }], traffic: { down: 5_900_850 } })
    const [unknown] = await json('device', '10.0.0.66')
    expect(unknown).toMatchObject({ known: [], questions: { asked: 0 }, traffic: { down: 6, up: 5 } })
  })

  test('a device that asked and never connected, and a name that nobody has', async () => {
    const { stdout } = await sekisho('device', QUOTED, '--since', '30m')
    expect(stdout).toMatch(/^o'brien 100% {2}home\n {2}MAC +00:00:5e:30:00:20 {2}vendor unknown\n/)
    expect(stdout).toContain('no connection was recorded')
    expect(stdout).toMatch(/^Asked {2}1 question for 1 name\n {2}NAME +ASKED\n {2}just\.example\.org +1\n/m)
    const missing = await sekisho('device', 'nobody')
    expect(missing).toMatchObject({ stdout: '', code: 1 })
    expect(missing.stderr).toContain('no device was ever called nobody. Fix: ')
  })
})

test('nothing recorded is an answer too', async () => {
  for (const args of [['top'], ['top', '--by', 'name'], ['who', 'example.org'], ['device', '10.0.0.7']]) {
    const { stdout, stderr, code } = await sekisho(...args, '--data', empty)
    expect({ stderr, code }).toEqual({ stderr: '', code: 0 })
    expect(stdout).toMatch(/No connection was recorded|Nobody asked|no connection was recorded/)
  }
})

test('what strangers wrote drives no terminal', async () => {
  for (const args of [
    ['who', 'example.com'],
    ['who', '192.0.2.66'],
    ['device', 'laptop'],
    ['top', '--by', 'name'],
  ]) {
    const { stdout } = await sekisho(...args)
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  }
  expect((await sekisho('device', 'laptop')).stdout).toContain('Evil\\x1b[2J\\u{202e}.example.com')
})

test('watch: the last few, then each as it comes, of one device or all, and it ends well on Ctrl-C', async () => {
  const own = await mkdtemp(join(tmpdir(), 'ask-watch-'))
  try {
    await writeWatched(own, Date.now())
    const follow = (...args: string[]) => {
      const child = spawn(process.execPath, [MAIN, 'watch', ...args, '--data', own], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, TZ: 'UTC' },
      })
      const output = { text: '' }
      child.stdout.setEncoding('utf8').on('data', (piece: string) => {
        output.text += piece
      })
      const code = new Promise<number | null>((resolve) => child.once('close', resolve))
      return { child, output, code }
    }
    const [all, laptop] = [follow(), follow('--client', 'laptop', '--kind', 'flows')]
    try {
      // The past ends with the newest record, and the laptop's with a connection to the printer.
      await expect.poll(() => all.output.text, { timeout: 60_000 }).toContain('just.example.org')
      await expect.poll(() => laptop.output.text, { timeout: 60_000 }).toContain('printer 10.0.3.5')
      const wal = await Wal.open({ data: own })
      const at = Date.now()
      const records = {
        dns: [
          dns(at, '10.0.0.9', 'new.example.org', ['192.0.2.10']),
          dns(at, '10.0.0.7', 'past.example.org', [], {
            responseCode: 'NXDOMAIN',
            serverAddress: '192.0.2.53',
            localResolver: false,
          }),
          dns(at, '10.0.0.7', '\u001b[2J.example.org', []),
        ],
        flows: [
          flow(at + 1, ['10.0.0.9', '192.0.2.10'], [1500, 2_500_000], named('new.example.org')),
          flow(at + 2, ['10.0.0.7', '192.0.2.11'], [10, 20]),
        ],
      } as const
      for (const [kind, rows] of Object.entries(records)) {
        const meta = { encoding: 'ndjson', kind: kind as keyof typeof records, rows: rows.length } as const
        await wal.append(meta, Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join('')))
      }
      await wal.close()
      await expect.poll(() => all.output.text, { timeout: 30_000 }).toContain('192.0.2.11')
      await expect.poll(() => laptop.output.text, { timeout: 30_000 }).toContain('new.example.org')
      const time = iso(at).slice(11, 19)
      expect(all.output.text.split('\n').slice(-6)).toEqual([
        `${time}  dns   laptop          new.example.org  A  → 192.0.2.10  1 ms`,
        `${time}  dns   tv              past.example.org  A  NXDOMAIN  by 192.0.2.53  1 ms`,
        `${time}  dns   tv              \\x1b[2J.example.org  A  → nothing  1 ms`,
        `${time}  flow  laptop          new.example.org  ↓ 2.5 MB  ↑ 1.5 kB  1 s  tcp 443  192.0.2.10`,
        `${time}  flow  tv              192.0.2.11  ↓ 20 B  ↑ 10 B  unresolved  1 s  tcp 443`,
        '',
      ])
      expect(laptop.output.text).not.toMatch(/ {2}dns {3}| tv /)
    } finally {
      for (const { child } of [all, laptop]) child.kill('SIGINT')
    }
    expect(await Promise.all([all.code, laptop.code])).toEqual([0, 0])
  } finally {
    await rm(own, { recursive: true })
  }
})
