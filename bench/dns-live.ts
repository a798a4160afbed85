import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensurePackages } from '../src/build/debian.ts'
import type { DnsCounts } from '../src/watch/dns/counts.ts'
import { Cable } from '../tests/parts/watch/bed.ts'
import { watchSettings } from '../tests/watch-settings.ts'
import { cpuSeconds } from './cpu.ts'
import { writeDnsCapture } from './dns-capture.ts'
import { BenchRecorder } from './recorder.ts'
import { percent, print, type Row } from './table.ts'

/*
 * DNS live: a household's queries and responses over a cable between two network namespaces, sent evenly by tcpreplay;
 * the watcher with a recorder behind it, beside dnscap, which prints each message as text. What was sent is known: a
 * message that is not counted was lost.
 */

const PER_SECOND = [20_000, 80_000]
const SECONDS = 10
/** What is still in the kernel, or open for want of an answer, after the last packet. */
const SETTLE_MS = 8000
const LIMITS = [
  '--max-old-space-size=128',
  '--max-semi-space-size=8',
  '--disable-warning=ExperimentalWarning',
]
const WATCH = join(import.meta.dirname, '../src/watch/start.ts')

interface Result {
  readonly seen: number
  readonly kernelDrops: number | string
  readonly cpuSeconds: number
  readonly stored: number | string
}

async function main(): Promise<void> {
  await ensurePackages(['tcpreplay', 'dnscap'])
  const root = await mkdtemp(join(tmpdir(), 'bench-dns-live-'))
  const cable = await Cable.open()
  try {
    const rows: Row[] = []
    for (const perSecond of PER_SECOND) {
      const messages = perSecond * SECONDS
      const capture = join(root, `${perSecond}.pcap`)
      await writeDnsCapture(capture, messages)
      const send = (): Promise<void> => replay(cable, capture, perSecond, messages)
      for (const [name, measure] of [
        ['sekisho', sekisho],
        ['dnscap', dnscap],
      ] as const) {
        const { seen, kernelDrops, cpuSeconds, stored } = await measure(cable, root, send)
        rows.push({
          'sent/s': perSecond,
          reader: name,
          sent: messages,
          seen,
          lost: percent(Math.max(0, messages - seen), messages),
          'kernel drops': kernelDrops,
          'CPU s': cpuSeconds.toFixed(1),
          'records stored': stored,
        })
      }
    }
    print(`DNS messages over a cable, ${SECONDS} s`, rows)
  } finally {
    await cable.close()
    await rm(root, { recursive: true })
  }
}

/** Throws when the sender itself could not keep up: then nothing was measured. */
async function replay(cable: Cable, capture: string, perSecond: number, messages: number): Promise<void> {
  const argv = ['--intf1=eth0', '--preload-pcap', `--pps=${perSecond}`, '--quiet', capture]
  const said = await cable.in('laptop', 'tcpreplay', argv)
  const sent = Number(/Actual: (\d+) packets/.exec(said)?.[1])
  const seconds = Number(/sent in ([\d.]+) seconds/.exec(said)?.[1])
  if (sent !== messages) throw new Error(`tcpreplay sent ${sent} of ${messages}`)
  if (seconds > SECONDS * 1.2) process.stderr.write(`tcpreplay took ${seconds} s for ${SECONDS} s\n`)
}

async function sekisho(cable: Cable, root: string, send: () => Promise<void>): Promise<Result> {
  const run = join(root, 'run')
  await mkdir(run)
  const recorder = await BenchRecorder.start({ watchSocket: join(run, 'watch.sock') })
  const settings = watchSettings(run, {
    recorderSocket: join(run, 'watch.sock'),
    // A second one that is silent: packets wait until it cannot have older ones.
    networks: [
      { name: 'home', device: 'lan0', prefix: '10.0.0.0/24' },
      { name: 'servers', device: 'lan1', prefix: '10.0.1.0/24' },
    ],
  })
  await writeFile(join(run, 'settings.json'), JSON.stringify(settings))
  const child = cable.spawn('router', process.execPath, [...LIMITS, WATCH, join(run, 'settings.json')])
  try {
    const pid = await until(async () => {
      const { children } = JSON.parse(await readFile(join(run, 'watch.json'), 'utf8'))
      return children?.dns?.state === 'up' ? watcherOf(child.pid ?? 0) : undefined
    })
    const before = await cpuSeconds(pid)
    await send()
    await sleep(SETTLE_MS)
    const used = (await cpuSeconds(pid)) - before
    const status = JSON.parse(await readFile(join(run, 'dns.json'), 'utf8')) as {
      readonly kernelDrops: number
      readonly transactions: DnsCounts
    }
    await end(child)
    const { stored } = await recorder.stop('watch')
    return { seen: status.transactions.messages, kernelDrops: status.kernelDrops, cpuSeconds: used, stored }
  } finally {
    child.kill('SIGKILL')
    await recorder.stop('watch').catch(() => undefined)
    await rm(run, { recursive: true })
  }
}

async function watcherOf(supervisor: number): Promise<number | undefined> {
  const children = await readFile(`/proc/${supervisor}/task/${supervisor}/children`, 'utf8')
  for (const pid of children.split(' ').filter(Boolean))
    if ((await readFile(`/proc/${pid}/cmdline`, 'utf8')).includes('/dns/main.ts')) return Number(pid)
  return undefined
}

async function dnscap(cable: Cable, root: string, send: () => Promise<void>): Promise<Result> {
  const file = join(root, 'dnscap.txt')
  // It prints to its standard error.
  const child = cable.spawn('router', 'sh', ['-c', `exec dnscap -i lan0 -g 2>${file}`])
  try {
    await sleep(2000)
    const before = await cpuSeconds(child.pid ?? 0)
    await send()
    await sleep(SETTLE_MS)
    const used = (await cpuSeconds(child.pid ?? 0)) - before
    await end(child)
    let seen = 0
    for await (const line of createInterface(createReadStream(file))) if (line.startsWith('[')) seen += 1
    return { seen, kernelDrops: '', cpuSeconds: used, stored: '' }
  } finally {
    child.kill('SIGKILL')
    await rm(file, { force: true })
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error(`ended too early with code ${child.exitCode}`)
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = performance.now() + 30_000; ; ) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error('it did not start')
    await sleep(200)
  }
}

await main()
