import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { expectGolden } from '../../../tests/golden.ts'
import { contextFor, goldenOf, sampleRouter } from '../../../tests/sample-router.ts'
import { KINDS } from '../../recorder/records/kinds.ts'
import { parseSettings } from '../../recorder/settings.ts'
import { recorder } from './module.ts'

const SECRETS = '/etc/sekisho/secrets'
const CENTER = {
  address: 'logs.example.org:24224',
  kinds: ['dns', 'flows'],
  tls: {
    ca_file: '/etc/sekisho/logs-ca.pem',
    cert_file: `${SECRETS}/own.pem`,
    key_file: `${SECRETS}/own.key`,
  },
  shared_key_file: `${SECRETS}/logs-key`,
  username: 'gate',
  password_file: `${SECRETS}/logs-password`,
}
const NEAR = { address: '[fd12:3456:789a:1::9]:24225', compress: 'none', tls: { server_name: 'near.lan' } }

function issues(...list: readonly object[]) {
  const found = recorder.check?.(contextFor(recorder, { forward_to: list }, sampleRouter())) ?? []
  return found.map(({ path, severity }) => `${path.slice(2).join('.')} ${severity ?? 'error'}`)
}

it('golden', async () => {
  const ctx = contextFor(recorder, { forward_to: [CENTER, NEAR] }, sampleRouter())
  await expectGolden(join(import.meta.dirname, 'golden/forward-to'), goldenOf(recorder.build(ctx)))
})

it('renders what the recorder reads', () => {
  const { files } = recorder.build(contextFor(recorder, { forward_to: [CENTER, NEAR] }, sampleRouter()))
  const { forwardTo } = parseSettings(files[0]?.text ?? '')
  expect(forwardTo).toMatchObject([
    { host: 'logs.example.org', port: 24224, compress: true, username: 'gate', kinds: ['dns', 'flows'] },
    { host: 'fd12:3456:789a:1::9', port: 24225, compress: false, tls: { serverName: 'near.lan' } },
  ])
})

it('knows every kind of record', () => {
  const all = Object.keys(KINDS)
  const config = (kinds: readonly string[]) => ({ forward_to: [{ address: '10.0.0.9:24224', kinds }] })
  expect(recorder.config.safeParse(config(all)).success).toBe(true)
  expect(recorder.config.safeParse(config([...all, 'dns'])).success).toBe(false)
  expect(recorder.config.safeParse(config(['queries'])).success).toBe(false)
})

describe('config', () => {
  it.each([
    'logs.example.org',
    'logs.example.org:0',
    'logs.example.org:65536',
    'fd12::1:24224',
    '[fd12::z]:24224',
    'https://logs.example.org:24224',
    'logs.example.org:24224\n',
    '-x:24224',
  ])('refuses the address %j', (address) => {
    expect(recorder.config.safeParse({ forward_to: [{ address }] }).success).toBe(false)
  })
})

it('names the files that have to be there', () => {
  const config = recorder.config.parse({ forward_to: [CENTER, NEAR] })
  expect(recorder.hostFiles?.(config)).toEqual([
    { key: ['forward_to', '0', 'tls', 'ca_file'], path: '/etc/sekisho/logs-ca.pem', secret: false },
    { key: ['forward_to', '0', 'tls', 'cert_file'], path: `${SECRETS}/own.pem`, secret: false },
    { key: ['forward_to', '0', 'tls', 'key_file'], path: `${SECRETS}/own.key`, secret: true },
    { key: ['forward_to', '0', 'shared_key_file'], path: `${SECRETS}/logs-key`, secret: true },
    { key: ['forward_to', '0', 'password_file'], path: `${SECRETS}/logs-password`, secret: true },
  ])
})

it('refuses halves, itself and what is there twice, and warns of the clear', () => {
  expect(issues(CENTER, NEAR, { address: '10.0.0.9:24224' })).toEqual([])
  expect(issues({ address: 'logs.example.org:24224' })).toEqual(['forward_to.0.address warning'])
  expect(issues({ address: '127.0.0.1:24224' })).toEqual(['forward_to.0.address error'])
  expect(issues({ address: '127.0.0.1:24225' }, { address: '127.0.0.1:24225' })).toEqual([
    'forward_to.1.address error',
  ])
  const near = { address: '10.0.0.9:24224' }
  expect(issues({ ...near, username: 'gate', shared_key_file: '/key' })).toEqual([
    'forward_to.0.username error',
  ])
  expect(issues({ ...near, username: 'gate', password_file: '/p' })).toEqual(['forward_to.0.username error'])
  expect(issues({ ...near, tls: { key_file: '/key' } })).toEqual(['forward_to.0.tls error'])
})
