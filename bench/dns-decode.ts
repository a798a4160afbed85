import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensurePackages } from '../src/build/debian.ts'
import { runOk } from '../src/lib/run.ts'
import { writeDnsCapture } from './dns-capture.ts'
import { print } from './table.ts'

/*
 * Decoding a capture of a million DNS messages to records on the disk, `sekisho dns read` beside tshark and dnscap (and
 * dns-gazer where it is built: --dns-gazer PATH) on the same file in the same run, each of them twice and the faster one
 * counts. time(1) tells processor time and peak memory of the whole process.
 */

const SEKISHO = new URL('../sekisho', import.meta.url).pathname
const ROUNDS = 2

interface Result {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakMiB: number
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      messages: { type: 'string', default: '1000000' },
      'dns-gazer': { type: 'string' },
      json: { type: 'boolean' },
    },
  })
  await ensurePackages(['tshark', 'dnscap', 'time'])
  const messages = Number(values.messages)
  const root = await mkdtemp(join(tmpdir(), 'bench-dns-'))
  try {
    const capture = join(root, 'capture.pcap')
    const out = join(root, 'out')
    await writeDnsCapture(capture, messages)
    const fields = [
      'dns.id',
      'dns.flags.response',
      'dns.flags.rcode',
      'dns.qry.name',
      'dns.resp.name',
      'dns.a',
      'dns.aaaa',
    ]
    const programs: Record<string, readonly string[]> = {
      'sekisho dns read': [SEKISHO, 'dns', 'read', capture],
      'dnscap, txtout': ['dnscap', '-r', capture, '-P', await txtout(), '-o', `${out}.txt`],
      'tshark -T fields': [
        'tshark',
        '-n',
        '-r',
        capture,
        '-T',
        'fields',
        ...fields.flatMap((field) => ['-e', field]),
      ],
    }
    const gazer = values['dns-gazer']
    if (gazer !== undefined) programs['dns-gazer -t'] = [gazer, '-r', capture, '-t', '-']
    const results = new Map<string, Result>()
    for (const [name, argv] of Object.entries(programs)) {
      const rounds: Result[] = []
      for (let i = 0; i < ROUNDS; i++) rounds.push(await measure(argv, out))
      results.set(name, rounds.toSorted((a, b) => a.seconds - b.seconds)[0] as Result)
    }
    const ours = results.get('sekisho dns read') as Result
    print(
      `Decoding a capture of ${messages} DNS messages`,
      [...results].map(([name, { seconds, cpuSeconds, peakMiB }]) => ({
        program: name,
        'messages/s': Math.round(messages / seconds),
        'messages/s of CPU': Math.round(messages / cpuSeconds),
        'CPU seconds': cpuSeconds.toFixed(2),
        'peak MiB': peakMiB.toFixed(0),
        'sekisho is faster': `${(seconds / ours.seconds).toFixed(1)} times`,
      })),
    )
  } finally {
    await rm(root, { recursive: true })
  }
}

/** dnscap's plugin that writes a line a message. */
async function txtout(): Promise<string> {
  const files = (await runOk(['dpkg', '--listfiles', 'dnscap'])).split('\n')
  const plugin = files.find((file) => file.endsWith('/txtout.so'))
  if (plugin === undefined) throw new Error('dnscap comes without its plugin txtout')
  return plugin
}

/** What a program takes that writes to a file. */
async function measure(argv: readonly string[], out: string): Promise<Result> {
  const timed = ['/usr/bin/time', '-o', `${out}.time`, '-f', '%e %U %S %M', ...argv]
  const child = spawn('sh', ['-c', 'exec "$@" >"$0" 2>&1', out, ...timed], { stdio: 'ignore' })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${argv[0]} failed with code ${code}: ${await head(out)}`)
  const taken = (await readFile(`${out}.time`, 'utf8')).trim().split(' ').map(Number)
  const [seconds, user, system, kilobytes] = taken as [number, number, number, number]
  return { seconds, cpuSeconds: user + system, peakMiB: kilobytes / 1024 }
}

async function head(file: string): Promise<string> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1000), 0, 1000)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

await main()
