import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { ensurePackages } from '../../src/build/debian.ts'
import { runOk } from '../../src/lib/run.ts'
import type { SyslogRecord } from '../../src/recorder/records/syslog.ts'
import { SyslogSource } from '../../src/recorder/sources/syslog/listen.ts'
import { UdpSocket } from '../../src/recorder/sources/udp-socket.ts'
import { Wal } from '../../src/recorder/wal/wal.ts'
import { freeUdpPort } from '../free-port.ts'
import { loggedRecords } from '../recorder-log.ts'

/** What logger(1) sends, over both protocols and in both formats, is what is stored. */

const MiB = 1024 * 1024

beforeAll(() => ensurePackages(['bsdutils']))

it.each([
  ['--udp --rfc3164'],
  ['--udp --rfc5424'],
  ['--tcp --rfc3164'],
  ['--tcp --rfc5424'],
  ['--tcp --rfc5424 --octet-count'],
] as const)('logger %s', async (text) => {
  const options = text.split(' ')
  const data = await mkdtemp(join(tmpdir(), 'syslog-'))
  const wal = await Wal.open({ data, maxBytes: 64 * MiB, segmentBytes: MiB })
  const port = await freeUdpPort()
  const source = await SyslogSource.start('127.0.0.1', port, UdpSocket.open('127.0.0.1', port, MiB), wal)
  try {
    const before = Date.now()
    const to = ['--server', '127.0.0.1', '--port', String(port)]
    const how = ['--priority', 'local3.warning', '--tag', 'doorbell', '--id=4711']
    await runOk(['logger', ...to, ...options, ...how, 'rang «twice» & left'])
    await expect.poll(() => source.counts.received, { timeout: 10_000 }).toBe(1)
    await source.stop()
    expect(await wal.close()).toBe(true)
    const [record] = await loggedRecords<SyslogRecord>(data, 'syslog')
    expect(record).toMatchObject({
      facility: 19,
      severity: 4,
      appName: 'doorbell',
      procId: '4711',
      hostname: expect.stringMatching(/\S/) as unknown,
      msg: 'rang «twice» & left',
      format: options[1]?.slice(2),
    })
    // RFC 3164 has whole seconds, of the local time.
    expect(Math.abs(Date.parse(record?.time ?? '') - before)).toBeLessThan(60_000)
    expect(source.counts).toEqual({ received: 1, stored: 1, dropped: 0, malformed: 0 })
  } finally {
    await wal.close()
    await rm(data, { recursive: true })
  }
})
