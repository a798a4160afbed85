import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { type FauxqsServer, startFauxqs } from 'fauxqs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { hashFile } from '../../../src/recorder/archive/file-hash.ts'
import { listArchive } from '../../../src/recorder/archive/files.ts'
import { zeroPass } from '../../../src/recorder/archive/messages.ts'
import { runPass } from '../../../src/recorder/archive/pass.ts'
import { S3Client } from '../../../src/recorder/archive/s3/client.ts'
import { readUsage } from '../../../src/recorder/archive/usage.ts'
import { type Bed, KEY, makeBed, partition } from './bed.ts'

/* Uploads to an S3 server of somebody else's (fauxqs), which does not verify signatures: swift.test.ts has one that does. */

const DAY = '2026-11-23'
const OBJECT = `logs/site=gate/kind=dns/date=${DAY}/day.parquet`

let server: FauxqsServer
let bed: Bed
let requests: string[]

beforeEach(async () => {
  server = await startFauxqs({ port: 0, host: 'localhost', logger: false })
  server.createBucket('home-network')
  bed = await makeBed(`http://127.0.0.1:${server.port}`)
  requests = []
})

afterEach(async () => {
  await bed.close()
  await server.stop()
})

function client(): S3Client {
  const credentials = { accessKeyId: KEY.AWS_ACCESS_KEY_ID, secretAccessKey: KEY.AWS_SECRET_ACCESS_KEY }
  return new S3Client({ settings: bed.s3, credentials, onRequest: (name) => requests.push(name) })
}

/** The names in the day's object. */
async function stored(): Promise<string[]> {
  const path = join(bed.data, 'got.parquet')
  await client().getFile(OBJECT, path, 0)
  return bed.names(path)
}

it('puts a day at most hourly while it lasts, once more when it is sorted, and then never again', async () => {
  await bed.write(DAY, 'part-0000000003.parquet', ['a.example', 'b.example'])
  expect(await bed.upload(`${DAY}T10:00:00Z`)).toMatchObject({ uploaded: 1, waiting: 0 })
  expect(await stored()).toEqual(['a.example', 'b.example'])

  await bed.write(DAY, 'part-0000000004.parquet', ['c.example'])
  expect(await bed.upload(`${DAY}T10:59:00Z`)).toMatchObject({ uploaded: 0 })
  expect(await bed.upload(`${DAY}T11:01:00Z`)).toMatchObject({ uploaded: 1 })
  expect(await stored()).toEqual(['a.example', 'b.example', 'c.example'])
  expect(await bed.upload(`${DAY}T23:00:00Z`)).toMatchObject({ uploaded: 0 })

  for (const part of ['3', '4']) await bed.remove(DAY, `part-000000000${part}.parquet`)
  const day = await bed.write(DAY, 'day-0000000005.parquet', [
    'a.example',
    'b.example',
    'c.example',
    'd.example',
  ])
  expect(await bed.upload('2026-11-24T02:00:00Z')).toMatchObject({ uploaded: 1 })
  const hash = await hashFile(day)
  expect(await client().head(OBJECT)).toEqual({ bytes: hash.bytes, sha256: hash.sha256 })
  expect((await bed.state()).get(partition(DAY))).toMatchObject({
    sequence: 5,
    final: true,
    objects: { [OBJECT]: { sha256: hash.sha256, bytes: hash.bytes } },
  })

  const usage = await readUsage(bed.data)
  expect(await bed.upload('2026-11-25T02:00:00Z')).toMatchObject({ uploaded: 0, waiting: 0 })
  expect(await readUsage(bed.data)).toEqual(usage)
  // The bucket was looked at once, in the beginning.
  expect(usage).toMatchObject({
    [DAY]: { '-': { list: 1 }, dns: { put: 2, get: 0, head: 0 } },
    '2026-11-24': { dns: { put: 1 } },
  })
})

it('adds late records to an object of which the local copy is gone', async () => {
  await bed.write(DAY, 'day-0000000004.parquet', ['a.example', 'b.example'])
  await bed.upload('2026-11-24T02:00:00Z')
  await (await bed.state()).release(partition(DAY))
  await bed.remove(DAY, 'day-0000000004.parquet')

  await bed.write(DAY, 'day-0000000009.parquet', ['late.example'])
  expect(await bed.upload('2026-11-24T05:00:00Z')).toMatchObject({ uploaded: 1 })
  expect(await stored()).toEqual(['a.example', 'b.example', 'late.example'])

  // A crash before the deletion of what is released, then more: nothing twice.
  await bed.write(DAY, 'part-0000000011.parquet', ['later.example'])
  expect(await bed.upload('2026-11-24T07:00:00Z')).toMatchObject({ uploaded: 1 })
  expect(await stored()).toEqual(['a.example', 'b.example', 'late.example', 'later.example'])
})

it('has every row once when the pass died between the upload and its note', async () => {
  await bed.write(DAY, 'day-0000000004.parquet', ['a.example'])
  await bed.upload('2026-11-24T02:00:00Z')
  await (await bed.state()).release(partition(DAY))
  await bed.remove(DAY, 'day-0000000004.parquet')
  await bed.write(DAY, 'day-0000000009.parquet', ['late.example'])
  await cp(join(bed.data, 'state'), join(bed.data, 'before'), { recursive: true })
  await bed.upload('2026-11-24T05:00:00Z')
  await rm(join(bed.data, 'state'), { recursive: true })
  await cp(join(bed.data, 'before'), join(bed.data, 'state'), { recursive: true })

  expect(await bed.upload('2026-11-24T06:00:00Z')).toMatchObject({ uploaded: 1 })
  expect(await stored()).toEqual(['a.example', 'late.example'])
})

it('sends nothing twice when the state is lost and the files are not', async () => {
  await bed.write(DAY, 'day-0000000004.parquet', ['a.example', 'b.example'])
  await bed.upload('2026-11-24T02:00:00Z')
  for (const damage of ['', '{"version":1,', 'null']) {
    await rm(join(bed.data, 'state/usage.json'), { force: true })
    await writeFile(join(bed.data, 'state/upload.json'), damage)
    expect(await bed.upload('2026-11-24T09:00:00Z')).toMatchObject({ uploaded: 1 })
    expect(await readUsage(bed.data)).toMatchObject({
      '2026-11-24': { '-': { list: 1 }, dns: { head: 1, put: 0, get: 0 } },
    })
    expect((await bed.state()).get(partition(DAY))).toMatchObject({
      sequence: 4,
      final: true,
      released: false,
    })
  }
})

it('loses no row when the disk is lost in the middle of a day and the numbers begin anew', async () => {
  await bed.write(DAY, 'part-0000000900.parquet', ['a.example', 'b.example'])
  await bed.upload(`${DAY}T10:00:00Z`)
  await rm(join(bed.data, 'archive'), { recursive: true })
  await rm(join(bed.data, 'state/upload.json'))
  await rm(join(bed.data, 'state/upload'), { recursive: true })

  await bed.write(DAY, 'part-0000000001.parquet', ['c.example'])
  expect(await bed.upload(`${DAY}T10:30:00Z`)).toMatchObject({ uploaded: 1 })
  expect(await stored()).toEqual(['a.example', 'b.example', 'c.example'])
  await bed.write(DAY, 'part-0000000002.parquet', ['d.example'])
  await bed.upload(`${DAY}T12:00:00Z`)
  expect(await stored()).toEqual(['a.example', 'b.example', 'c.example', 'd.example'])
})

it('begins anew in another bucket', async () => {
  await bed.write(DAY, 'day-0000000004.parquet', ['a.example'])
  await bed.upload('2026-11-24T02:00:00Z')
  server.createBucket('second-network')
  const s3 = { ...bed.s3, bucket: 'second-network' }
  const { UploadState, targetOf } = await import('../../../src/recorder/archive/upload-state.ts')
  const state = await UploadState.open(bed.data, targetOf('parquet', s3))
  expect(await bed.upload('2026-11-24T03:00:00Z', { s3, state })).toMatchObject({ uploaded: 1 })
})

it("keeps the article's layout as gzipped JSON lines, an object an hour", async () => {
  await bed.write(DAY, 'part-0000000003.parquet', ['a.example', 'b.example'], '09:59:59.5')
  await bed.write(DAY, 'part-0000000004.parquet', ['c.example'], '10:00:00')
  const format = 'ndjson.gz' as const
  const lines = async (key: string): Promise<unknown[]> => {
    const path = join(bed.data, 'got.gz')
    await client().getFile(`logs/${key}`, path, 0)
    const text = gunzipSync(await readFile(path)).toString()
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
  }
  expect(await bed.upload(`${DAY}T10:30:00Z`, { format })).toMatchObject({ uploaded: 1 })
  expect(await lines('dns/2026/11/23/2026112309_0.gz')).toMatchObject([
    { time: '2026-11-23T09:59:59.500000Z', queryName: expect.stringMatching(/[ab]\.example/) },
    { time: '2026-11-23T09:59:59.500000Z', clientAddress: '10.0.0.7' },
  ])
  await expect(client().head('logs/dns/2026/11/23/2026112310_0.gz')).rejects.toMatchObject({ kind: 'absent' })

  // The hour is over; of the one before nothing is sent again.
  expect(await bed.upload(`${DAY}T11:31:00Z`, { format })).toMatchObject({ uploaded: 1 })
  expect(await lines('dns/2026/11/23/2026112310_0.gz')).toMatchObject([{ queryName: 'c.example' }])
  expect(await readUsage(bed.data)).toMatchObject({ [DAY]: { dns: { put: 2 } } })

  for (const part of ['3', '4']) await bed.remove(DAY, `part-000000000${part}.parquet`)
  await bed.write(DAY, 'day-0000000007.parquet', ['a.example', 'b.example', 'x.example'], '09:59:59.5')
  await bed.upload('2026-11-24T02:00:00Z', { format })
  expect(await lines('dns/2026/11/23/2026112309_0.gz')).toHaveLength(3)
  expect((await bed.state(format)).get(partition(DAY))).toMatchObject({ final: true, sequence: 7 })

  // What comes after the local copy is gone has the next index.
  await (await bed.state(format)).release(partition(DAY))
  await bed.remove(DAY, 'day-0000000007.parquet')
  await bed.write(DAY, 'day-0000000009.parquet', ['late.example'], '09:00:00')
  await bed.upload('2026-11-24T05:00:00Z', { format })
  expect(await lines('dns/2026/11/23/2026112309_1.gz')).toMatchObject([{ queryName: 'late.example' }])
  expect(await lines('dns/2026/11/23/2026112309_0.gz')).toHaveLength(3)
})

it('deletes a local copy only when it is in the bucket, and in want of room the oldest, counted', async () => {
  const days = ['2026-10-01', '2026-10-02', '2026-10-03']
  for (const [i, date] of days.entries())
    await bed.write(date, `day-000000000${i + 1}.parquet`, [`${date}.example`])
  const bytes = (await listArchive(bed.data)).map((file) => file.bytes)
  const pass = (archive: { endpoint: string; spoolBytes: number }) =>
    runPass(
      {
        data: bed.data,
        site: 'gate',
        retentionDays: 30,
        forwardTo: [],
        maxBytes: 2 ** 30,
        archive: {
          format: 'parquet',
          spoolBytes: archive.spoolBytes,
          s3: { ...bed.s3, endpoint: archive.endpoint },
        },
        clockTrusted: true,
        now: () => Date.parse('2026-11-24T12:00:00Z'),
      },
      zeroPass(),
    )
  const left = async () => (await listArchive(bed.data)).map(({ date }) => date)
  const saved = { ...process.env }
  Object.assign(process.env, KEY)
  try {
    // Nobody listens there: everything stays, however old.
    const gone = { endpoint: 'http://127.0.0.1:9', spoolBytes: 2 ** 30 }
    expect(await pass(gone)).toMatchObject({
      uploaded: 0,
      waiting: 3,
      problem: expect.stringContaining('ECONNREFUSED'),
    })
    expect(await left()).toEqual(days)
    const spoolBytes = (bytes[1] ?? 0) + (bytes[2] ?? 0)
    expect(await pass({ ...gone, spoolBytes })).toMatchObject({ dropped: { files: 1, bytes: bytes[0] } })
    expect(await left()).toEqual(days.slice(1))

    expect(await pass({ endpoint: bed.s3.endpoint, spoolBytes })).toMatchObject({ uploaded: 2, waiting: 0 })
    expect(await left()).toEqual([])
    const state = await bed.state()
    expect(state.get(partition('2026-10-03'))).toMatchObject({ released: true, final: true })
    await client().head('logs/site=gate/kind=dns/date=2026-10-02/day.parquet')
  } finally {
    process.env = saved
  }
})
