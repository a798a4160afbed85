import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { zeroCounts } from '../counters.ts'
import type { DeviceRecord } from '../records/device.ts'
import { Wal } from '../wal/wal.ts'
import { findClient } from './find-client.ts'
import { Session } from './session.ts'

/* Records by address, answered by device: an address that moved from the laptop to the phone. */

const NOON = Date.now() - 6 * 3_600_000
const MINUTE = 60_000
const LAPTOP = '02:00:5e:30:00:01'
const PHONE = '02:00:5e:30:00:02'
const MOVING = '10.0.0.130'

let data: string
let session: Session

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'whose-'))
  const wal = await Wal.open({ data })
  const devices = wal.writer({ kind: 'devices', counts: zeroCounts() })
  for (const record of [
    held(LAPTOP, 'laptop', MOVING, 0, 60),
    { ...held(LAPTOP, 'laptop', MOVING, 0, 0), open: true },
    held(PHONE, 'phone', MOVING, 90, 120),
    { ...held(PHONE, undefined, 'fd00::2', 90, 150), open: true },
  ])
    devices.offer(Date.parse(record.time), record)
  const drops = wal.writer({ kind: 'drops', counts: zeroCounts() })
  const packets = [-1, 1, 61, 75, 90, 121, 140].map((minute) => [minute, MOVING] as const)
  for (const [minute, sourceAddress] of [...packets, [200, 'fd00::2'], [220, 'fd00::2']] as const) {
    const time = at(minute)
    drops.offer(Date.parse(time), {
      time,
      logPrefix: 'x',
      sourceAddress,
      destinationTransportPort: minute + 100,
    })
  }
  await wal.close()
  session = await Session.open({ data, site: 'home', retentionDays: 30 })
})

afterEach(async () => {
  session.close()
  await rm(data, { recursive: true })
})

function at(minute: number): string {
  return new Date(NOON + minute * MINUTE).toISOString()
}

function held(
  macAddress: string,
  device: string | undefined,
  address: string,
  from: number,
  until: number,
): DeviceRecord {
  const name = device === undefined ? {} : { device }
  const times = { time: at(from), until: at(until), lastSeen: at(until) }
  return { ...times, open: false, address, macAddress, ...name, network: 'home', randomMac: true }
}

test('each record has the device that had its address then, and none when nobody knows', async () => {
  const rows = await session.query(
    'SELECT destinationTransportPort, device FROM drops ORDER BY "time"',
    (result) => result.getRowsJS(),
  )
  expect(rows.map(([minute, device]) => [Number(minute) - 100, device])).toEqual([
    [-1, null],
    [1, 'laptop'],
    [61, 'laptop'],
    [75, null],
    [90, 'phone'],
    [121, 'phone'],
    [140, null],
    [200, PHONE],
    [220, null],
  ])
})

test.each([
  ['laptop', [MOVING]],
  ['Phone', [MOVING, 'fd00::2']],
  [PHONE.toUpperCase(), [MOVING, 'fd00::2']],
  [PHONE.replaceAll(':', '-'), [MOVING, 'fd00::2']],
])('the addresses of %s', async (text, addresses) => {
  const { holdings } = await findClient(session, text)
  expect(holdings.map(({ address }) => address).sort()).toEqual(addresses)
  const moving = holdings.find(({ address }) => address === MOVING)
  const phone = text !== 'laptop'
  // From a little before it was seen there until it could no longer be.
  expect(moving?.fromMs).toBe(NOON + (phone ? 90 : 0) * MINUTE - 10_000)
  expect(moving?.toMs).toBe(NOON + (phone ? 122 : 62) * MINUTE - 1)
})

test("a vendor's prefix means all its devices; a name that nobody had is refused", async () => {
  expect((await findClient(session, '02:00:5e')).macs.toSorted()).toEqual([LAPTOP, PHONE])
  await expect(findClient(session, '02:00:5f')).rejects.toThrow('no device')
  await expect(findClient(session, "x' OR true --")).rejects.toThrow('no device')
})
