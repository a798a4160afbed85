import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AwsClient } from 'aws4fetch'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { hashFile } from '../../../src/recorder/archive/file-hash.ts'
import { checkBucket } from '../../../src/recorder/archive/s3/check.ts'
import { S3Client } from '../../../src/recorder/archive/s3/client.ts'
import { type Bed, makeBed, partition } from './bed.ts'
import { bucketSettings, setUp } from './set-up.ts'
import { SWIFT_KEY, type Swift, startSwift } from './swift.ts'

/* The whole way to Debian's Swift, which verifies signatures and checksums. */

// It looks at the clock.
const NOW = new Date().toISOString()
const DAY = new Date(Date.parse(NOW) - 86_400_000).toISOString().slice(0, 10)
const OBJECT = `logs/site=gate/kind=dns/date=${DAY}/day.parquet`

let swift: Swift
let bed: Bed

beforeAll(async () => {
  swift = await startSwift()
  const client = new AwsClient({ ...SWIFT_KEY, service: 's3', region: 'us-east-1', retries: 0 })
  const made = await client.fetch(`${swift.endpoint}/home-network`, { method: 'PUT' })
  expect(made.status).toBe(200)
})
afterAll(() => swift.stop())

beforeEach(async () => {
  bed = await environment(SWIFT_KEY)
})
afterEach(() => bed.close())

function environment({ accessKeyId, secretAccessKey }: typeof SWIFT_KEY): Promise<Bed> {
  const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }
  return makeBed(swift.endpoint, { region: 'us-east-1' }, env)
}

it('uploads what the local checksum says, finds it again, and gets it back byte for byte', async () => {
  const path = await bed.write(DAY, 'day-0000000004.parquet', ['a.example', 'b.example'])
  expect(await bed.upload(NOW)).toEqual({ uploaded: 1, waiting: 0, dropped: { files: 0, bytes: 0 } })
  const hash = await hashFile(path)
  expect((await bed.state()).get(partition(DAY))?.objects[OBJECT]?.sha256).toBe(hash.sha256)

  const client = new S3Client({ settings: bed.s3, credentials: SWIFT_KEY })
  const copy = join(bed.data, 'copy')
  await client.getFile(OBJECT, copy, hash.bytes)
  expect((await readFile(copy)).equals(await readFile(path))).toBe(true)
  await expect(client.head(`${OBJECT}.no`)).rejects.toMatchObject({ kind: 'absent' })

  // With nothing but the bucket: the list, page by page, finds the objects.
  const listed: string[] = []
  for await (const { key } of client.list('logs/')) listed.push(key)
  expect(listed).toEqual([OBJECT])
})

it.each([
  ['key', { ...SWIFT_KEY, accessKeyId: 'home:nobody' }],
  ['secret', { ...SWIFT_KEY, secretAccessKey: 'wrong' }],
])('a wrong %s is refused, said clearly, and loses nothing', async (_, key) => {
  const wrong = await environment(key)
  try {
    await wrong.write(DAY, 'day-0000000004.parquet', ['a.example'])
    expect(await wrong.upload(NOW)).toMatchObject({
      uploaded: 0,
      waiting: 1,
      problem: expect.stringMatching(
        /403 SignatureDoesNotMatch: .* Fix: correct the access key in credentials_file$/,
      ),
    })
    expect((await wrong.state()).backOff).toMatchObject({ waitsFor: 'user' })
  } finally {
    await wrong.close()
  }
})

it('bytes that changed on the way are refused by the server', async () => {
  const path = await bed.write(DAY, 'day-0000000004.parquet', ['a.example'])
  const other = await bed.write(DAY, 'day-0000000005.parquet', ['b.example'])
  const [hash, another] = [await hashFile(path), await hashFile(other)]
  const client = new S3Client({ settings: bed.s3, credentials: SWIFT_KEY })
  const lie = { ...another, bytes: hash.bytes }
  await expect(client.putFile('logs/lie', path, lie)).rejects.toMatchObject({ kind: 'retry' })
  await expect(client.head('logs/lie')).rejects.toMatchObject({ kind: 'absent' })
})

it('a clock that is wrong is named as what it is', async () => {
  await bed.write(DAY, 'day-0000000004.parquet', ['a.example'])
  const client = new S3Client({
    settings: bed.s3,
    credentials: SWIFT_KEY,
    now: () => Date.now() - 3_600_000,
  })
  await expect(client.head(OBJECT)).rejects.toMatchObject({ kind: 'user' })
  const path = join(bed.data, 'x')
  await expect(client.getFile(OBJECT, path, 0)).rejects.toMatchObject({
    message: expect.stringMatching(/RequestTimeTooSkewed.*the clock of this router is off by -3[56]\d\d s/),
  })
})

it('archive setup and check work, say what Swift has not, and know a wrong key', async () => {
  const s3 = bucketSettings(swift.endpoint, 'made-by-setup')
  const made = await setUp(s3, SWIFT_KEY)
  expect(made[0]).toBe('create done')
  expect(made.filter((line) => line.includes('failed'))).toEqual([])
  expect(made).toContain('lifecycle left: this service does not know it')
  const problems = async (key: typeof SWIFT_KEY) =>
    (await checkBucket(s3, key)).map(({ problem }) => problem ?? 'ok')
  expect(await problems(SWIFT_KEY)).toEqual(['ok', 'ok', 'ok'])
  const wrong = { ...SWIFT_KEY, secretAccessKey: 'wrong' }
  for (const problem of await problems(wrong))
    expect(problem).toMatch(/Fix: correct the access key in credentials_file$/)
  expect(await setUp(s3, wrong)).toContainEqual(
    expect.stringMatching(
      /^create failed: .*SignatureDoesNotMatch.*Fix: correct the access key that was given$/,
    ),
  )
})
