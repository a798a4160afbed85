import { createSocket, type Socket } from 'node:dgram'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { neighbourState, resolverAnswers } from './probe.ts'

let server: Socket | undefined
afterEach(() => {
  server?.close()
  server = undefined
})

/** A DNS server that makes its answer, or none, of the question. */
async function serve(answer: (question: Buffer) => Buffer | undefined): Promise<number> {
  const socket = createSocket('udp4')
  server = socket
  socket.on('message', (question, { port, address }) => {
    const said = answer(question)
    if (said) socket.send(said, port, address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return socket.address().port
}

/** The question with the response bit and an RCODE. */
function reply(question: Buffer, rcode: number): Buffer {
  const answer = Buffer.from(question)
  answer[2] = (answer[2] ?? 0) | 0x80
  answer[3] = rcode
  return answer
}

describe('resolverAnswers', () => {
  test.each([
    ['NOERROR', 0, true],
    ['REFUSED', 5, true],
    ['SERVFAIL', 2, false],
  ])('%s: %s', async (_, rcode, good) => {
    const port = await serve((question) => reply(question, rcode))
    expect(await resolverAnswers('127.0.0.1', 2000, port)).toBe(good)
  })

  test('asks for the name servers of the root', async () => {
    let asked = ''
    const port = await serve((question) => {
      asked = question.subarray(2).toString('hex')
      return reply(question, 0)
    })
    await resolverAnswers('127.0.0.1', 2000, port)
    expect(asked).toBe('01000001000000000000' + '00' + '0002' + '0001')
  })

  test('silence, and what is no answer to the question, are none', async () => {
    const silent = await serve(() => undefined)
    expect(await resolverAnswers('127.0.0.1', 100, silent)).toBe(false)
    server?.close()
    const guesses = await serve((question) => {
      const other = reply(question, 0)
      other[0] = (other[0] ?? 0) ^ 0xff
      return other
    })
    expect(await resolverAnswers('127.0.0.1', 100, guesses)).toBe(false)
    server?.close()
    const short = await serve((question) => reply(question, 0).subarray(0, 11))
    expect(await resolverAnswers('127.0.0.1', 100, short)).toBe(false)
    server?.close()
    const echo = await serve((question) => question)
    expect(await resolverAnswers('127.0.0.1', 100, echo)).toBe(false)
  })

  test('a host that has no server there has answered; no address is no answer', async () => {
    const port = await serve(() => undefined)
    await new Promise<void>((resolve) => server?.close(resolve))
    server = undefined
    expect(await resolverAnswers('127.0.0.1', 2000, port)).toBe(true)
    expect(await resolverAnswers('fe80::1%no-such-dev', 2000, 53)).toBe(false)
  })
})

test('neighbourState reads what ip says, and nothing else', () => {
  expect(neighbourState('[{"dst":"192.0.2.1","lladdr":"02:00:5e:10:00:01","state":["REACHABLE"]}]')).toBe(
    'REACHABLE',
  )
  for (const text of ['', '[]', '[null]', '[{}]', '[{"state":[]}]', '{"state":["X"]}', '[{"state":"X"}]'])
    expect(neighbourState(text)).toBeUndefined()
  fc.assert(fc.property(fc.string(), (text) => neighbourState(text) === undefined))
})
