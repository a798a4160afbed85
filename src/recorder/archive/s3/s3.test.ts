import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backOff, mayTry } from './back-off.ts'
import { addressOf, S3Client } from './client.ts'
import { broken, judge } from './failure.ts'
import { parseList } from './list.ts'
import { policyFor } from './policy.ts'

const SETTINGS = {
  bucket: 'home-network',
  region: 'ap-northeast-1',
  endpoint: 'https://s3.ap-northeast-1.amazonaws.com',
  prefix: 'logs/',
  pathStyle: false,
}

describe('the address of an object', () => {
  it.each([
    [{}, 'https://home-network.s3.ap-northeast-1.amazonaws.com/logs/site%3Dgate/day.parquet'],
    [
      { pathStyle: true },
      'https://s3.ap-northeast-1.amazonaws.com/home-network/logs/site%3Dgate/day.parquet',
    ],
    [
      { pathStyle: true, endpoint: 'http://[fd00::5]:9000' },
      'http://[fd00::5]:9000/home-network/logs/site%3Dgate/day.parquet',
    ],
  ])('%j', (more, expected) => {
    expect(addressOf({ ...SETTINGS, ...more }, 'logs/site=gate/day.parquet').href).toBe(expected)
  })
})

it('refuses what one request may not bring, before it asks', async () => {
  const credentials = { accessKeyId: 'a', secretAccessKey: 'b' }
  const asked: string[] = []
  const client = new S3Client({ settings: SETTINGS, credentials, onRequest: (name) => asked.push(name) })
  const hash = { bytes: 6 * 2 ** 30, sha256: '', md5: '' }
  await expect(client.putFile('x', '/nowhere', hash)).rejects.toMatchObject({
    kind: 'user',
    message: 'PUT x: 6.0 GiB is more than the 5 GiB that one request may bring',
  })
  expect(asked).toEqual([])
})

describe('the pause after failures', () => {
  const failure = { kind: 'retry', message: 'no' }
  it('doubles up to an hour, with full jitter', () => {
    let state = backOff(undefined, failure, 0, () => 1)
    const pauses = [state.until]
    for (let i = 0; i < 9; i++) {
      state = backOff(state, failure, 0, () => 1)
      pauses.push(state.until)
    }
    expect(pauses.map((ms) => ms / 1000)).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600])
    expect(backOff(state, failure, 7, () => 0).until).toBe(7)
  })

  it('is longer for what a person must mend', () => {
    expect(backOff(undefined, { kind: 'user', message: 'no' }, 0, () => 1)).toMatchObject({
      until: 300_000,
      waitsFor: 'user',
    })
  })

  it('ends, and does not outlast a clock that is set back', () => {
    const state = backOff(undefined, failure, 1e12, () => 1)
    expect(mayTry(undefined, 0)).toBe(true)
    expect(mayTry(state, 1e12)).toBe(false)
    expect(mayTry(state, 1e12 + 30_000)).toBe(true)
    expect(mayTry(state, 1e12 - 86_400_000)).toBe(true)
  })
})

describe('failures', () => {
  const answer = (status: number, code = '', headers = {}) =>
    judge('PUT x', { status, headers, body: code && `<Error><Code>${code}</Code></Error>` }, 0)
  it.each([
    [500, '', 'retry'],
    [503, 'SlowDown', 'retry'],
    [429, '', 'retry'],
    [408, '', 'retry'],
    [400, 'RequestTimeout', 'retry'],
    [400, 'BadDigest', 'retry'],
    [400, 'ExpiredToken', 'user'],
    [400, 'InvalidArgument', 'user'],
    [301, 'PermanentRedirect', 'user'],
    [403, '', 'user'],
    [403, 'RequestTimeTooSkewed', 'user'],
    [404, 'NoSuchBucket', 'user'],
    [404, 'NoSuchKey', 'absent'],
    [404, '', 'absent'],
  ])('%i %s: %s', (status, code, kind) => {
    expect(answer(status, code).kind).toBe(kind)
  })

  it('a certificate that does not hold is for the user, a name that does not resolve for time', () => {
    const error = (code: string) => Object.assign(new Error(code), { code })
    expect(broken('PUT x', error('DEPTH_ZERO_SELF_SIGNED_CERT')).kind).toBe('user')
    expect(broken('PUT x', error('CERT_HAS_EXPIRED')).kind).toBe('user')
    expect(broken('PUT x', error('ENOTFOUND')).kind).toBe('retry')
  })

  it('whatever the body is, the message is short and printable, and of Code and Message only', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 3000 }),
        fc.integer({ min: 300, max: 599 }),
        (body, status) => {
          const { message } = judge('PUT x', { status, headers: {}, body: `<Code>${body}</Code>` }, 0)
          expect(message).toMatch(/^[\x20-\x7e]{1,600}$/)
        },
      ),
    )
    const body =
      '<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKID</AWSAccessKeyId><StringToSign>s</StringToSign></Error>'
    expect(judge('PUT x', { status: 403, headers: {}, body }, 0).message).not.toMatch(/AKID|StringToSign/)
  })
})

describe('a list of objects', () => {
  it('is read, whether its keys are escaped for a URL or for XML, page after page', () => {
    const xml = `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
      <Contents><Key>logs/site%3Dgate/a+b</Key><Size>12</Size></Contents><Contents><Key>c</Key></Contents>
      <NextContinuationToken>1&amp;2</NextContinuationToken></ListBucketResult>`
    expect(parseList(xml)).toEqual({
      objects: [
        { key: 'logs/site=gate/a b', bytes: 12 },
        { key: 'c', bytes: 0 },
      ],
      next: '1&2',
    })
    const plain = xml.replace('url', '').replace('true', 'false').replace('%3D', '&#x3D;')
    expect(parseList(plain)).toMatchObject({ objects: [{ key: 'logs/site=gate/a+b' }, {}], next: undefined })
  })

  it('that is none is refused, and hostile ones do no harm', () => {
    expect(() => parseList('<html>')).toThrow('no list')
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { objects } = parseList(
          `<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>${text}</Key></Contents></ListBucketResult>`,
        )
        expect(objects.length).toBeLessThanOrEqual(2)
      }),
    )
    const many = `<ListBucketResult>${'<Contents><Key>'.repeat(20_000)}</ListBucketResult>`
    expect(parseList(many).objects).toEqual([])
  })
})

describe('the policy', () => {
  it('has no right to delete, and none outside the prefix', () => {
    const text = JSON.stringify(policyFor(SETTINGS))
    expect(text).not.toMatch(/Delete|"s3:\*"|"\*"/)
    expect(policyFor(SETTINGS)).toMatchObject({
      Statement: [
        { Action: ['s3:PutObject', 's3:GetObject'], Resource: ['arn:aws:s3:::home-network/logs/*'] },
        {
          Action: ['s3:ListBucket'],
          Resource: ['arn:aws:s3:::home-network'],
          Condition: { StringLike: { 's3:prefix': ['logs/*'] } },
        },
      ],
    })
  })

  it('has the key with KMS', () => {
    const kms = { ...SETTINGS, serverSideEncryption: 'aws:kms' as const }
    expect(policyFor({ ...kms, kmsKeyId: 'abc' })).toMatchObject({
      Statement: [{}, {}, { Resource: ['arn:aws:kms:ap-northeast-1:*:key/abc'] }],
    })
    expect(policyFor({ ...kms, kmsKeyId: 'alias/home' })).toMatchObject({
      Statement: [
        {},
        {},
        { Condition: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': ['alias/home'] } } },
      ],
    })
    expect(policyFor(kms)).toMatchObject({ Statement: { length: 2 } })
  })
})
