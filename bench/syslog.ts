import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensurePackages } from '../src/build/debian.ts'
import { cpuSeconds, settledCpuSeconds } from './cpu.ts'
import { BenchRecorder } from './recorder.ts'
import { percent, print } from './table.ts'
import { UdpSender } from './udp-sender.ts'

/*
 * Syslog over UDP, 20,000 messages a second for five seconds: what the recorder and rsyslogd keep of the same datagrams,
 * one after the other in this run, beside what Fluentd was measured to lose (0.3 %). Then a burst without a pause.
 */

const RECORDER_PORT = 29_514
const RSYSLOG_PORT = 29_515
const FLUENTD_LOSES = 0.003

interface Result {
  readonly stored: number
  readonly counted: number
  readonly cpuSeconds: number
}

type Send = (sender: UdpSender) => Promise<void> | void

async function main(): Promise<void> {
  await ensurePackages(['rsyslog'])
  const messages = Array.from({ length: 100_000 }, (_, i) =>
    Buffer.from(
      `<30>1 2026-11-23T10:00:00.${String(i % 1_000_000).padStart(6, '0')}Z ap7 hostapd 812 - - wlan0: STA 02:00:5e:10:00:07 IEEE 802.11: associated (aid ${i}), ${'signal -61 dBm '.repeat(5)}`,
    ),
  )
  const evenly: Send = (sender) => sender.evenly(messages, 20_000)
  const burst: Send = (sender) => sender.burst(messages.slice(0, 40_000))
  const rows = []
  for (const [load, sent, send] of [
    ['20,000/s for 5 s', messages.length, evenly],
    ['40,000 at once', 40_000, burst],
  ] as const) {
    const ours = await recorder(sent, send)
    const theirs = await rsyslogd(send)
    rows.push({
      load,
      'recorder loses': percent(sent - ours.stored, sent),
      'stored + counted': percent(ours.stored + ours.counted, sent),
      'rsyslogd loses': percent(sent - theirs.stored, sent),
      'Fluentd loses': load === '40,000 at once' ? '' : percent(FLUENTD_LOSES, 1),
      'CPU per message, rsyslogd = 1': (
        ours.cpuSeconds /
        ours.stored /
        (theirs.cpuSeconds / theirs.stored)
      ).toFixed(1),
    })
  }
  print('Syslog over UDP', rows)
}

async function recorder(sent: number, send: Send): Promise<Result> {
  const bench = await BenchRecorder.start({
    syslog: { address: '127.0.0.1', port: RECORDER_PORT },
    netflow: { address: '127.0.0.1', port: RECORDER_PORT + 10 },
    forward: { port: RECORDER_PORT + 11, addresses: ['127.0.0.1'] },
    nflogGroup: 4242,
  })
  const sender = new UdpSender(RECORDER_PORT)
  try {
    const before = await cpuSeconds(bench.pid)
    await send(sender)
    await bench.until('syslog', ({ stored, dropped }) => stored + dropped === sent)
    const cpu = (await cpuSeconds(bench.pid)) - before
    const { stored, dropped } = await bench.stop('syslog')
    return { stored, counted: dropped, cpuSeconds: cpu }
  } finally {
    sender.close()
    await bench.stop('syslog').catch(() => undefined)
  }
}

async function rsyslogd(send: Send): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-rsyslogd-'))
  const config = join(directory, 'rsyslog.conf')
  const file = join(directory, 'messages')
  await writeFile(
    config,
    `global(workDirectory="${directory}")
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="${RSYSLOG_PORT}")
action(type="omfile" file="${file}")
`,
  )
  const argv = ['-n', '-f', config, '-i', join(directory, 'pid')]
  const child = spawn('rsyslogd', argv, { stdio: 'ignore' })
  const sender = new UdpSender(RSYSLOG_PORT)
  try {
    await sleep(2000)
    const before = await cpuSeconds(child.pid ?? 0)
    await send(sender)
    const used = await settledCpuSeconds(child.pid ?? 0)
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
    // Its own messages are in the file as well.
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line.includes('hostapd'))
    return { stored: lines.length, counted: 0, cpuSeconds: used - before }
  } finally {
    sender.close()
    child.kill('SIGKILL')
    await rm(directory, { recursive: true })
  }
}

await main()
