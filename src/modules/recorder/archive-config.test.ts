import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { contextFor, goldenOf, sampleRouter } from '../../../tests/sample-router.ts'
import { parseSettings } from '../../recorder/settings.ts'
import { checkHostFiles } from '../../router/check-host-files.ts'
import { recorder } from './module.ts'

const folder = mkdtempSync(join(tmpdir(), 'sekisho-archive-'))
afterAll(() => rmSync(folder, { recursive: true }))

const BUCKET = {
  bucket: 'home-network',
  region: 'ap-northeast-1',
  credentials_file: '/etc/sekisho/secrets/s3',
}

function issues(archive: object): string[] {
  const found = recorder.check?.(contextFor(recorder, { archive }, sampleRouter())) ?? []
  return found.map(
    ({ path, message, severity }) => `${severity ?? 'error'} ${path.slice(3).join('.')}: ${message}`,
  )
}

it.each([
  { bucket: 'Home' },
  { bucket: 'ab' },
  { bucket: '192.0.2.1' },
  { bucket: 'a..b' },
  { bucket: 'xn--home' },
  { bucket: 'home/../other' },
  { region: 'Tokyo 1' },
  { endpoint: 's3.example.org' },
  { endpoint: 'https://user:word@s3.example.org' },
  { endpoint: 'https://s3.example.org/path' },
  { endpoint: 'ftp://s3.example.org' },
  { prefix: '/logs' },
  { prefix: 'a/../b' },
  { prefix: 'a//b' },
  { credentials_file: 's3' },
  { server_side_encryption: 'rot13' },
  { kms_key_id: 'a b' },
  { secret_access_key: 'here' },
])('refuses %j', (key) => {
  expect(recorder.config.safeParse({ archive: { s3: { ...BUCKET, ...key } } }).success).toBe(false)
})

it.each([
  [{ s3: BUCKET }, []],
  [{ s3: { ...BUCKET, endpoint: 'http://10.0.0.5:9000' } }, []],
  [{ s3: { ...BUCKET, endpoint: 'http://[fd00::5]:9000' } }, []],
  [{ s3: { ...BUCKET, endpoint: 'http://127.0.0.1:8080' } }, []],
  [
    { s3: { ...BUCKET, endpoint: 'http://s3.example.org' } },
    ['error s3.endpoint: http://s3.example.org would carry the records unencrypted through the Internet'],
  ],
  [
    { s3: { ...BUCKET, kms_key_id: 'alias/home' } },
    ['error s3.kms_key_id: a KMS key is used only with server_side_encryption: aws:kms'],
  ],
  [
    { s3: { ...BUCKET, bucket: 'home.network', path_style: false } },
    [
      'error s3.path_style: no certificate holds for a host name that begins with "home.network", because of its dot',
    ],
  ],
  [
    { s3: BUCKET, spool_bytes: 2 ** 40 },
    ['error spool_bytes: 1099511627776 is more than all records may take (max_bytes, 1073741824)'],
  ],
  [{ format: 'ndjson.gz' }, ['error format: nothing is uploaded, the archive stays here as Parquet']],
  [
    { s3: { bucket: 'home-network', region: 'eu-west-1' } },
    [
      'warning s3: without credentials_file the recorder looks for AWS_ACCESS_KEY_ID in its environment, where its container has none',
    ],
  ],
])('of %j says %j', (archive, expected) => {
  expect(issues(archive)).toEqual(expected)
})

it('renders settings that the recorder reads, and where the key is but never the key', () => {
  const file = join(folder, 'key')
  writeFileSync(file, '[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = oh-no\n', {
    mode: 0o400,
  })
  const archive = {
    s3: { ...BUCKET, credentials_file: file, prefix: 'logs', server_side_encryption: 'aws:kms' },
    budget_yen_per_month: 300,
    prices: { yen_per_dollar: 160 },
  }
  const output = recorder.build(contextFor(recorder, { archive }, sampleRouter()))
  expect(parseSettings(output.files[0]?.text ?? '').archive).toEqual({
    format: 'parquet',
    spoolBytes: 2 ** 30,
    s3: {
      bucket: 'home-network',
      region: 'ap-northeast-1',
      endpoint: 'https://s3.ap-northeast-1.amazonaws.com',
      prefix: 'logs/',
      pathStyle: false,
      credentialsFile: '/etc/sekisho/s3-credentials',
      hostCredentialsFile: file,
      serverSideEncryption: 'aws:kms',
    },
    budgetYenPerMonth: 300,
    prices: { yenPerDollar: 160 },
  })
  expect(output.services[0]?.mounts).toContainEqual({
    kind: 'host',
    source: file,
    target: '/etc/sekisho/s3-credentials',
  })
  expect(JSON.stringify(goldenOf(output))).not.toMatch(/AKIDEXAMPLE|oh-no/)
})

it.each([
  ['absent', undefined, 'is not there (ENOENT)'],
  ['read by others', 0o644, 'is a secret and others than its owner may use it (mode 644)'],
  ['right', 0o400, undefined],
])('a credentials file that is %s', async (name, mode, message) => {
  const file = join(folder, name)
  if (mode !== undefined) writeFileSync(file, '', { mode })
  const { config } = contextFor(
    recorder,
    { archive: { s3: { ...BUCKET, credentials_file: file } } },
    sampleRouter(),
  )
  const path = ['modules', 'recorder', 'archive', 's3', 'credentials_file']
  const expected =
    message === undefined ? [] : [expect.objectContaining({ path, message: `${file} ${message}` })]
  expect(await checkHostFiles([{ module: recorder, config }], true)).toEqual(expected)
})
