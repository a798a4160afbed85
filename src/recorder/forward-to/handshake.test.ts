import { encode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answerPing, helo } from '../sources/forward/handshake.ts'
import { ping, pongProblem, readHelo } from './handshake.ts'

const challenge = { nonce: 'nonce', salt: 'auth' }
const users = new Map([['someone', 'a password']])

/** What our own server answers to what we say after its HELO. */
function shake(server: { sharedKey: string; users?: typeof users }, client: Parameters<typeof ping>[3]) {
  const greeting = readHelo(helo(challenge, server))
  if (!greeting) throw new Error('no HELO')
  const answer = answerPing(ping(greeting, 'gate', 'salt', client), challenge, server)
  if (!answer) throw new Error('no PING')
  return pongProblem(answer.pong, greeting, 'gate', 'salt', client.sharedKey)
}

describe('with our own server', () => {
  it('passes with the right key and user', () => {
    expect(shake({ sharedKey: 'key' }, { sharedKey: 'key' })).toBeUndefined()
    const someone = { sharedKey: 'key', username: 'someone', password: 'a password' }
    expect(shake({ sharedKey: 'key', users }, someone)).toBeUndefined()
  })

  it('is refused with a wrong one, and says so', () => {
    expect(shake({ sharedKey: 'key' }, { sharedKey: 'other' })).toContain('shared key mismatch')
    const someone = { sharedKey: 'key', username: 'someone', password: 'no' }
    expect(shake({ sharedKey: 'key', users }, someone)).toContain('username/password mismatch')
  })
})

it('does not believe a server that only says yes', () => {
  const greeting = { nonce: Buffer.from('nonce'), auth: Buffer.alloc(0) }
  const pong = (...rest: unknown[]) =>
    pongProblem(Buffer.from(encode(['PONG', ...rest])), greeting, 'gate', 'salt', 'key')
  expect(pong(true, '', 'logs', 'f'.repeat(128))).toContain('does not know the shared key')
  expect(pong(true, '', 'logs')).toContain('not whole')
  expect(pong(true, '', 'gate', 'f'.repeat(128))).toContain('not whole')
  expect(pong(false, 'no \u001b[31m entry')).toMatch(/refuses us: no [ -~]+\. Fix/)
  expect(pong()).toContain('refuses us')
})

it('takes any bytes for what they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const message = Buffer.from(bytes)
      const found = readHelo(message)
      expect(found === undefined || found.nonce.length >= 0).toBe(true)
      const greeting = { nonce: Buffer.from('nonce'), auth: Buffer.alloc(0) }
      expect(pongProblem(message, greeting, 'gate', 'salt', 'key')).toBeTypeOf('string')
    }),
  )
})
