import { createSocket } from 'node:dgram'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { encodeQuery, judgeAnswer, queryDns } from './dns-query.ts'
import { awaitHealthy, healthyNow } from './probe.ts'

const probe = (name: string, ...saw: (string | undefined)[]) => ({
  name,
  run: async () => (saw.length > 1 ? saw.shift() : saw[0]),
})

it('tells what is well, and takes one that throws for ill', async () => {
  const broken = { name: 'c', run: async () => Promise.reject(new Error('no such program')) }
  expect([...(await healthyNow([probe('a', undefined), probe('b', 'ill'), broken]))]).toEqual(['a'])
  expect(await awaitHealthy([broken, probe('a', undefined)], 0)).toEqual(['c: no such program'])
})

it('asks once more before it says that something does not work', async () => {
  expect([
    ...(await healthyNow([probe('a', 'lost', undefined), probe('b', 'ill', 'ill', undefined)])),
  ]).toEqual(['a'])
})

it('waits for what gets well, and no longer', async () => {
  expect(await awaitHealthy([probe('a', 'not yet', 'not yet', undefined)], 60)).toEqual([])
  expect(await awaitHealthy([], 60)).toEqual([])
})

it('asks a resolver, and says what it answers', async () => {
  for (const [answer, saw] of [
    [(id: Buffer) => Buffer.from([...id, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]), undefined],
    [(id: Buffer) => Buffer.from([...id, 0x81, 0x82, 0, 1, 0, 0, 0, 0, 0, 0]), 'it answers SERVFAIL'],
    [(id: Buffer) => Buffer.from([...id, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0]), 'it answers without a record'],
    // Not an answer to this question, and not an answer at all.
    [() => Buffer.from([1]), 'no answer'],
    [(id: Buffer) => Buffer.from([...id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), 'no answer'],
  ] as const) {
    const server = createSocket('udp4')
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve))
    server.on('message', (query, { port, address }) =>
      server.send(answer(query.subarray(0, 2)), port, address),
    )
    const { port } = server.address()
    expect(await queryDns('127.0.0.1', 'gate.home.arpa', { port, timeoutMs: 300 })).toBe(saw)
    server.close()
    await new Promise((resolve) => server.once('close', resolve))
    expect(await queryDns('127.0.0.1', 'gate.home.arpa', { port, timeoutMs: 300 })).toMatch(
      /ECONNREFUSED|no answer/,
    )
  }
})

it('takes a name that there is not for an answer where any will do', () => {
  const answer = (rcode: number) => Buffer.from([0, 7, 0x81, 0x80 | rcode, 0, 1, 0, 0, 0, 0, 0, 0])
  expect(judgeAnswer(7, answer(3), 'any answer')).toBeUndefined()
  expect(judgeAnswer(7, answer(3), 'records')).toBe('it answers NXDOMAIN')
  expect(judgeAnswer(7, answer(2), 'any answer')).toBe('it answers SERVFAIL')
})

it('writes what RFC 1035 says, and any bytes are only an answer or not', () => {
  const query = encodeQuery(0x1234, 'a.bc').toString('hex')
  expect(query).toBe(
    ['1234', '0100', '0001', '0000', '0000', '0000', '0161', '026263', '00', '0001', '0001'].join(''),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(['string', 'undefined']).toContain(typeof judgeAnswer(7, Buffer.from(bytes), 'records'))
    }),
  )
})
