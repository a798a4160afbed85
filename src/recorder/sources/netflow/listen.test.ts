import { createSocket } from 'node:dgram'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { freeUdpPort } from '../../../../tests/free-port.ts'
import { set, template, uints, v5, v9 } from '../../../../tests/netflow.ts'
import { loggedRecords } from '../../../../tests/recorder-log.ts'
import type { NetflowRecord } from '../../records/netflow.ts'
import { Wal } from '../../wal/wal.ts'
import { UdpSocket } from '../udp-socket.ts'
import { NetflowSource } from './listen.ts'

const MiB = 1024 * 1024

let data: string
let wal: Wal
let port: number

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'netflow-'))
  wal = await Wal.open({ data, maxBytes: 512 * MiB, segmentBytes: 32 * MiB })
  port = await freeUdpPort()
})

afterEach(async () => {
  await wal.close()
  await rm(data, { recursive: true })
})

async function send(datagrams: readonly Buffer[]): Promise<void> {
  const socket = createSocket('udp4')
  for (const datagram of datagrams)
    await new Promise((done) => socket.send(datagram, port, '127.0.0.1', done))
  socket.close()
}

/** As many v5 records of one exporter. */
function burst(records: number, each: number): Buffer[] {
  return Array.from({ length: records / each }, (_, n) =>
    v5(
      Array.from({ length: each }, (_, i) => ({ octets: n * each + i })),
      { sequence: n * each },
    ),
  )
}

it('stores a burst of 10,000 records, each once', async () => {
  const source = NetflowSource.start(UdpSocket.open('127.0.0.1', port, 16 * MiB), wal)
  await send(burst(10_000, 20))
  await source.stop()
  expect(await wal.close()).toBe(true)
  const records = await loggedRecords<NetflowRecord>(data, 'netflow')
  expect(records.map(({ octetDeltaCount }) => octetDeltaCount)).toEqual(
    Array.from({ length: 10_000 }, (_, i) => i),
  )
  expect(source.counts).toEqual({ received: 10_000, stored: 10_000, dropped: 0, malformed: 0 })
  expect(source.details()).toMatchObject({ datagrams: 500, missing: 0 })
  expect(source.state()).toBe('stopped')
})

it('counts what the kernel had no room for, as soon as a later number tells: sent is stored and dropped', async () => {
  const socket = UdpSocket.open('127.0.0.1', port, 100_000)
  const sending = createSocket('udp4')
  const sendOn = async (datagrams: readonly Buffer[]): Promise<void> => {
    for (const datagram of datagrams)
      await new Promise((done) => sending.send(datagram, port, '127.0.0.1', done))
  }
  // Nobody reads yet.
  await sendOn(burst(10_000, 20))
  const kept = 500 - socket.drops
  const source = NetflowSource.start(socket, wal)
  await expect.poll(() => source.details().datagrams, { timeout: 10_000 }).toBe(kept)
  await sendOn([v5([{}], { sequence: 10_000 })])
  sending.close()
  await expect.poll(() => source.details().datagrams, { timeout: 10_000 }).toBe(kept + 1)
  await source.stop()
  expect(await wal.close()).toBe(true)
  expect(kept).toBeLessThan(400)
  expect(source.counts).toEqual({
    received: 10_001,
    stored: kept * 20 + 1,
    dropped: 10_000 - kept * 20,
    malformed: 0,
  })
  expect((await loggedRecords(data, 'netflow')).length).toBe(source.counts.stored)
})

it('counts what is no NetFlow, and what has no template', async () => {
  const source = NetflowSource.start(UdpSocket.open('127.0.0.1', port, MiB), wal)
  await send([
    Buffer.from('hello'),
    v9([set(300, uints([1, 4]))]),
    v9([set(301, uints([2, 4]))], { sequence: 1 }),
    v9([set(0, template(300, [1, 4]))], { sequence: 2 }),
  ])
  await expect.poll(() => source.details().datagrams, { timeout: 10_000 }).toBe(4)
  expect(source.details()).toMatchObject({ held: 1, templates: 1, exporters: 1 })
  await source.stop()
  expect(await wal.close()).toBe(true)
  expect(source.counts).toEqual({ received: 3, stored: 1, dropped: 1, malformed: 1 })
})
