import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type FauxqsServer, startFauxqs } from 'fauxqs'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { checkBucket } from '../../../src/recorder/archive/s3/check.ts'
import { policyFor } from '../../../src/recorder/archive/s3/policy.ts'
import type { S3Settings } from '../../../src/recorder/archive/settings.ts'
import { type Policy, PolicyGuard } from './policy-guard.ts'
import { bucketSettings as settings, setUp } from './set-up.ts'

/*
 * A bucket from nothing: made ready by `archive setup`, found good by `archive check` with exactly the rights that `archive
 * policy` prints, and with any of them missing found wanting it by name.
 */

const ROOT = join(import.meta.dirname, '../../..')
const KEY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret-of-the-test' }

let server: FauxqsServer
let guard: PolicyGuard
let folder: string

beforeAll(async () => {
  server = await startFauxqs({ port: 0, logger: false })
})
afterAll(async () => {
  await server.stop()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sekisho-setup-'))
  guard = await PolicyGuard.start(server.address, { Statement: [] })
})
afterEach(async () => {
  guard.close()
  await rm(folder, { recursive: true })
})

it('makes a bucket in which the least policy is enough, and each right that is missing is named', async () => {
  const s3 = settings(server.address, 'setup-one')
  const made = await setUp(s3, KEY)
  expect(made[0]).toBe('create done')
  expect(made).toContain('lifecycle done')
  expect(made.some((line) => line.includes('failed'))).toBe(false)

  const guarded = { ...s3, endpoint: guard.endpoint }
  const policy = policyFor(s3) as Policy
  const missing = async (statements: Policy['Statement']) => {
    guard.policy = { Statement: statements }
    return (await checkBucket(guarded, KEY)).map(({ what, problem }) => `${what}: ${problem ?? 'ok'}`)
  }
  expect(await missing(policy.Statement)).toEqual([
    'write logs/sekisho-check: ok',
    'read logs/sekisho-check back: ok',
    'list logs/: ok',
  ])
  const [objects, list] = policy.Statement
  if (!objects || !list) throw new Error('the policy has two statements')
  const without = (action: string) => [
    { ...objects, Action: objects.Action.filter((one) => one !== action) },
    list,
  ]
  const needs = (what: string) =>
    expect.stringContaining(`Fix: the key needs ${what}; "sekisho archive policy"`) as string
  const arn = 'arn:aws:s3:::setup-one'
  expect(await missing(without('s3:PutObject'))).toEqual([
    needs(`s3:PutObject on ${arn}/logs/*`),
    'read logs/sekisho-check back: ok',
    'list logs/: ok',
  ])
  expect(await missing(without('s3:GetObject'))).toEqual([
    'write logs/sekisho-check: ok',
    needs(`s3:GetObject on ${arn}/logs/*`),
    'list logs/: ok',
  ])
  expect(await missing([objects])).toEqual([
    'write logs/sekisho-check: ok',
    'read logs/sekisho-check back: ok',
    needs(`s3:ListBucket on ${arn} for the prefix logs/*`),
  ])
  expect(await missing([])).toHaveLength(3)
})

it('says what else is wrong: no bucket, another key, a server that is not there', async () => {
  const problems = async (s3: S3Settings, credentials = KEY) =>
    (await checkBucket(s3, credentials)).map(({ problem }) => problem ?? 'ok')
  const [absent] = await problems(settings(server.address, 'no-such-bucket'))
  expect(absent).toContain('Fix: create the bucket, or correct its name')
  expect(await problems(settings('http://127.0.0.1:1', 'anything'))).toEqual(
    Array(3).fill(expect.stringContaining('ECONNREFUSED')),
  )
})

it('done again it changes nothing, and a lifecycle of others is left alone', async () => {
  const s3 = settings(server.address, 'setup-two')
  await setUp(s3, KEY)
  const again = await setUp(s3, KEY, { expireDays: 3650 })
  expect(again[0]).toMatch(/^create (done|there)$/)
  expect(again).toContain('lifecycle done')
  const url = `${server.address}/setup-two?lifecycle`
  const ours = await (await fetch(url)).text()
  expect(ours).toContain('sekisho-old-versions')
  expect(ours).toContain('<Days>3650</Days>')
  const foreign =
    '<LifecycleConfiguration><Rule><ID>mine</ID><Filter><Prefix>x/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>'
  expect((await fetch(url, { method: 'PUT', body: foreign })).ok).toBe(true)
  expect((await setUp(s3, KEY)).find((line) => line.startsWith('lifecycle'))).toMatch(
    /^lifecycle left: .*\(mine\).*Fix: add ours/,
  )
  expect(await (await fetch(url)).text()).toContain('<ID>mine</ID>')
})

it("gives an IAM user the recorder's policy, and no more", async () => {
  const asked: { readonly authorization: string; readonly form: URLSearchParams }[] = []
  const iam = http.createServer((request, response) => {
    void text(request).then((body) => {
      asked.push({ authorization: String(request.headers.authorization), form: new URLSearchParams(body) })
      response.end('<PutUserPolicyResponse/>')
    })
  })
  iam.listen(0, '127.0.0.1')
  await once(iam, 'listening')
  const address = iam.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const s3 = settings(server.address, 'setup-four')
  const made = await setUp(s3, KEY, { user: 'recorder', iamEndpoint: `http://127.0.0.1:${port}` })
  iam.close()
  expect(made).toContain('policy done')
  expect(asked).toHaveLength(1)
  expect(asked[0]?.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/us-east-1\/iam\/aws4_request/,
  )
  const form = Object.fromEntries(asked[0]?.form ?? [])
  expect(form).toMatchObject({
    Action: 'PutUserPolicy',
    UserName: 'recorder',
    PolicyName: 'sekisho-recorder',
  })
  expect(JSON.parse(form.PolicyDocument ?? '')).toEqual(policyFor(s3))
})

it('prints the same as commands, without a request or a secret; and checks by the command line', async () => {
  const yaml = join(folder, 'router.yaml')
  const key = join(folder, 'key')
  await writeFile(
    key,
    `[default]\naws_access_key_id = ${KEY.accessKeyId}\naws_secret_access_key = ${KEY.secretAccessKey}\n`,
  )
  const home = parse(readFileSync(join(ROOT, 'examples/home.yaml'), 'utf8')) as {
    modules: Record<string, object>
  }
  const s3 = {
    bucket: 'setup-five',
    region: 'ap-northeast-1',
    endpoint: server.address,
    credentials_file: key,
  }
  home.modules.recorder = { archive: { s3 } }
  await writeFile(yaml, stringify(home))
  const sekisho = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
    new Promise((resolve) => {
      const argv = [join(ROOT, 'src/cli/main.ts'), 'archive', ...args, '-f', yaml]
      const env = { ...process.env, AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' }
      execFile(process.execPath, argv, { env }, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      )
    })
  const printed = await sekisho('setup', '--user', 'recorder', '--expire-days', '3650')
  expect(printed.code).toBe(0)
  expect(printed.stdout.split('\n').filter((line) => line.startsWith("'aws'"))).toHaveLength(5)
  expect(printed.stdout).toContain("'put-user-policy' '--user-name' 'recorder'")
  expect(printed.stdout).toContain('"Expiration":{"Days":3650}')
  expect(printed.stdout).not.toContain(KEY.secretAccessKey)
  expect(await sekisho('check')).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('create the bucket') as string,
  })
  expect(await sekisho('setup', '--apply')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--credentials') as string,
  })
  expect(await sekisho('setup', '--apply', '--credentials', key)).toMatchObject({ code: 0 })
  expect(await sekisho('check')).toMatchObject({
    code: 0,
    stdout: '  ok  write sekisho-check\n  ok  read sekisho-check back\n  ok  list the bucket\n',
  })
  expect((await sekisho('setup', '--user', 'a b')).code).toBe(1)
}, 60_000)
