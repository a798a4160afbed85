import { createHash } from 'node:crypto'
import { decode } from '@msgpack/msgpack'
import { expect, it } from 'vitest'
import { pack } from './fixtures.ts'
import { answerPing, helo } from './handshake.ts'

const challenge = { nonce: 'a nonce', salt: 'a salt' }
const users = new Map([['alice', 'secret']])

function sha512(...parts: readonly string[]): string {
  return createHash('sha512').update(parts.join('')).digest('hex')
}

function ping(key: string, user = '', password = ''): Buffer {
  const digest = sha512('key salt', 'client.example.org', challenge.nonce, key)
  return pack([
    'PING',
    'client.example.org',
    'key salt',
    digest,
    user,
    sha512(challenge.salt, user, password),
  ])
}

it('says HELO with a nonce, and a salt only when users are asked for', () => {
  expect(decode(helo(challenge, { sharedKey: 'k' }))).toEqual([
    'HELO',
    { nonce: 'a nonce', auth: '', keepalive: true },
  ])
  expect(decode(helo(challenge, { sharedKey: 'k', users }))).toEqual([
    'HELO',
    { nonce: 'a nonce', auth: 'a salt', keepalive: true },
  ])
})

it('takes the right key, and proves that it has it too', () => {
  const answer = answerPing(ping('k'), challenge, { sharedKey: 'k' })
  expect(answer?.refused).toBeUndefined()
  const [word, ok, reason, hostname, digest] = decode(answer?.pong ?? []) as [
    string,
    boolean,
    string,
    string,
    string,
  ]
  expect([word, ok, reason]).toEqual(['PONG', true, ''])
  expect(digest).toBe(sha512('key salt', hostname, challenge.nonce, 'k'))
})

it('takes the right user only', () => {
  const credentials = { sharedKey: 'k', users }
  expect(answerPing(ping('k', 'alice', 'secret'), challenge, credentials)?.refused).toBeUndefined()
  for (const [user, password] of [
    ['alice', 'wrong'],
    ['alice', ''],
    ['bob', 'secret'],
    ['bob', ''],
    ['', ''],
    ['__proto__', ''],
  ])
    expect(answerPing(ping('k', user, password), challenge, credentials)?.refused, user).toContain('password')
  const answer = answerPing(ping('wrong', 'alice', 'secret'), challenge, credentials)
  expect(answer?.refused).toBe('shared key mismatch')
  expect(decode(answer?.pong ?? [])).toEqual(['PONG', false, 'shared key mismatch', '', ''])
})

it('takes nothing else for a PING', () => {
  for (const value of [
    null,
    [],
    ['PING'],
    ['PING', 1, 2, 3, 4, 5],
    ['PONG', 'a', 'b', 'c', '', ''],
    ['tag', 1, {}],
  ])
    expect(answerPing(pack(value), challenge, { sharedKey: 'k' })).toBeUndefined()
})
