import { afterAll, beforeAll, expect, test } from 'vitest'
import { MackerelServer } from '../mackerel-server.ts'

/*
 * The server that stands for Mackerel refuses what the documentation does: else a test against it would show nothing.
 */

const KEY = 'right'
const server = new MackerelServer({ key: KEY })
let url: string
let hostId: string

beforeAll(async () => {
  url = `http://127.0.0.1:${await server.start()}/api/v0`
  const made = await send('POST', 'hosts', {
    name: 'gate',
    meta: {},
    customIdentifier: 'a',
    roleFullnames: ['home:router'],
  })
  hostId = ((await made.json()) as { id: string }).id
})
afterAll(() => server.stop())

function send(method: string, path: string, body?: unknown, headers: object = {}): Promise<Response> {
  return fetch(`${url}/${path}`, {
    method,
    headers: { 'x-api-key': KEY, 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
}

const value = (more: object) => [
  { hostId, name: 'loadavg1', time: Math.floor(Date.now() / 1000), value: 1, ...more },
]
const monitor = (more: object) => ({
  type: 'host',
  name: 'x',
  duration: 1,
  metric: 'cpu%',
  operator: '>',
  warning: 80,
  ...more,
})
const graph = (more: object) => [{ name: 'custom.a', metrics: [{ name: 'custom.a.b' }], ...more }]

test.each([
  ['a name with a space', 'tsdb', () => value({ name: 'load avg' })],
  ['no system metric, and not custom', 'tsdb', () => value({ name: 'cpu.usage' })],
  ['two dots in a row', 'tsdb', () => value({ name: 'custom.a..b' })],
  ['a value that is a text', 'tsdb', () => value({ value: '1' })],
  ['no value, which NaN becomes in JSON', 'tsdb', () => value({ value: Number.NaN })],
  ['a time in parts of seconds', 'tsdb', () => value({ time: 1.5 })],
  ['a field that is not documented', 'tsdb', () => value({ unit: 'bytes' })],
  ['a host that is not there', 'tsdb', () => value({ hostId: 'nobody' })],
  ['an object in place of a list', 'tsdb', () => value({})[0]],
  ['no JSON', 'tsdb', () => '{'],
  ['a host without meta', 'hosts', () => ({ name: 'gate' })],
  ['an identifier that is taken', 'hosts', () => ({ name: 'gate', meta: {}, customIdentifier: 'a' })],
  ['a role without its service', 'hosts', () => ({ name: 'gate', meta: {}, roleFullnames: ['router'] })],
  [
    'an IPv4 address that is none',
    'hosts',
    () => ({ name: 'g', meta: {}, interfaces: [{ name: 'a', ipv4Addresses: ['::1'] }] }),
  ],
  ['a graph that is not custom', 'graph-defs/create', () => graph({ name: 'a' })],
  ['a unit that is none', 'graph-defs/create', () => graph({ unit: 'yen' })],
  ['a metric of another graph', 'graph-defs/create', () => graph({ metrics: [{ name: 'custom.b.c' }] })],
  ['a monitor without a name', 'monitors', () => monitor({ name: '' })],
  ['a monitor of an hour', 'monitors', () => monitor({ duration: 60 })],
  ['over 100 per cent', 'monitors', () => monitor({ critical: 101 })],
  ['a memo of a book', 'monitors', () => monitor({ memo: 'x'.repeat(2049) })],
  ['a scope that is not there', 'monitors', () => monitor({ scopes: ['work:router'] })],
  ['a notification each minute', 'monitors', () => monitor({ notificationInterval: 1 })],
])('refuses %s', async (_, path, body) => {
  expect((await send('POST', path, body())).status).toBe(400)
})

test('takes what is right, keeps nothing that is older than a day, and tells who is who', async () => {
  expect(await (await send('POST', 'tsdb', value({}))).json()).toEqual({ success: true })
  const old = Math.floor(Date.now() / 1000) - 25 * 3600
  expect((await send('POST', 'tsdb', value({ time: old }))).status).toBe(200)
  expect(server.state.tooOld).toBe(1)
  expect(Object.keys(server.state.values[hostId]?.loadavg1 ?? {})).toHaveLength(1)
  expect((await send('POST', 'graph-defs/create', graph({}))).status).toBe(200)
  expect(await (await send('GET', 'hosts-by-custom-identifier/a')).json()).toMatchObject({
    host: { id: hostId },
  })
  expect((await send('GET', 'hosts/nobody')).status).toBe(404)
})

test('wants the key, the type, and no more than ten monitors', async () => {
  expect((await send('POST', 'tsdb', value({}), { 'x-api-key': 'wrong' })).status).toBe(403)
  expect((await send('POST', 'tsdb', value({}), { 'content-type': 'text/plain' })).status).toBe(400)
  expect((await send('GET', 'nothing')).status).toBe(404)
  const statuses: number[] = []
  for (let i = 0; i < 10; i++)
    statuses.push((await send('POST', 'monitors', monitor({ name: `m${i}` }))).status)
  expect(statuses).toEqual([...Array.from({ length: 9 }, () => 200), 400])
})
