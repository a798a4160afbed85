import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type Answer, AnswersListener, AnswersSender } from './answers.ts'

let directory: string
let path: string
let sender: AnswersSender | undefined
let listener: AnswersListener | undefined

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'answers-'))
  path = join(directory, 'answers.sock')
})

afterEach(async () => {
  sender?.stop()
  await listener?.stop()
  await rm(directory, { recursive: true })
})

const answer = (name: string, timeMs = Date.now()): Answer => ({
  timeMs,
  client: '192.0.2.9',
  name,
  addresses: [
    { address: '198.51.100.7', ttl: 300 },
    { address: '2001:db8::7', ttl: 60 },
  ],
})

it('tells what was said before anybody listened, and again to a listener that starts anew', async () => {
  sender = new AnswersSender(path)
  const first = answer('www.example.org')
  sender.send(answer('old.example.org', Date.now() - 2 * 3_600_000))
  sender.send(first)
  const heard: Answer[] = []
  listener = await AnswersListener.start(path, (one) => heard.push(one))
  await vi.waitFor(() => expect(heard).toEqual([first]), 10_000)
  const second = answer('mail.example.org')
  sender.send(second)
  await vi.waitFor(() => expect(heard).toEqual([first, second]), 10_000)
  await listener.stop()
  const again: Answer[] = []
  listener = await AnswersListener.start(path, (one) => again.push(one))
  await vi.waitFor(() => expect(again).toEqual([first, second]), 10_000)
  expect([listener.received, listener.malformed]).toEqual([2, 0])
})

it('counts what it had to forget, and does not grow', () => {
  sender = new AnswersSender(path)
  for (let i = 0; i < 60_000; i++) sender.send(answer(`n${i}.example.org`))
  expect(sender.dropped).toBe(10_000)
})

it('takes nothing that is no answer, and goes on', async () => {
  const heard: Answer[] = []
  listener = await AnswersListener.start(path, (one) => heard.push(one))
  const good = answer('www.example.org', 1)
  const wrong = [
    'x',
    'null',
    '[]',
    '{}',
    JSON.stringify({ ...good, client: 'me' }),
    JSON.stringify({ ...good, timeMs: null }),
    JSON.stringify({ ...good, name: 'x'.repeat(1021) }),
    JSON.stringify({ ...good, addresses: [{ address: '198.51.100', ttl: 1 }] }),
    JSON.stringify({ ...good, addresses: [null] }),
    JSON.stringify({ ...good, addresses: Array.from({ length: 65 }, () => good.addresses[0]) }),
  ]
  const socket = connect(path)
  socket.write(`${[...wrong, JSON.stringify(good)].join('\n')}\n`)
  await vi.waitFor(() => expect(heard).toEqual([good]), 10_000)
  expect(listener.malformed).toBe(wrong.length)
  // A line without an end.
  const closed = new Promise((resolve) => socket.on('error', () => undefined).on('close', resolve))
  socket.write('x'.repeat(100_000))
  await closed
  expect(listener.malformed).toBe(wrong.length + 1)
})
