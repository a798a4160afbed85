import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { describePppSession, parsePppSession } from './ppp-session.ts'

function words(text: string): string | undefined {
  const session = parsePppSession(text)
  return session && describePppSession(session)
}

test('a session that is up says what the provider gave', () => {
  const text =
    'state=up\nlocal=203.0.113.7\npeer=203.0.113.1\ndns=192.0.2.53 192.0.2.53\nconcentrator=02:00:5E:20:00:01\nsince=1790000000\n'
  expect(parsePppSession(text)).toEqual({
    state: 'up',
    since: '2026-09-21T14:13:20.000Z',
    local: '203.0.113.7',
    peer: '203.0.113.1',
    dns: ['192.0.2.53'],
    concentrator: '02:00:5e:20:00:01',
    failures: 0,
  })
  expect(words(text)).toBe('203.0.113.7 from 203.0.113.1, since 2026-09-21T14:13:20.000Z')
})

test('one that is down says why, and when it tries again', () => {
  expect(words('state=waiting\nexit=19\nfailures=3\nretry_secs=40\nsince=1\n')).toBe(
    'down: the provider refused the user name or the password; tries again after 40 s',
  )
  expect(words('state=connecting\nexit=16\nfailures=1\n')).toBe(
    'connects; last time: the provider ended the session',
  )
  expect(words('state=connecting\n')).toBe('connects')
  expect(words('state=no-carrier\n')).toBe('no cable, or nothing at its other end')
  expect(words('state=waiting\nexit=99\n')).toBe('down: pppd ended with code 99')
})

test('no text hurts', () => {
  expect(parsePppSession('')).toBeUndefined()
  expect(parsePppSession('state=\u001b[2J\n')).toBeUndefined()
  const line = fc.tuple(
    fc.constantFrom('state', 'since', 'local', 'peer', 'dns', 'exit', 'retry_secs', 'x'),
    fc.oneof(fc.constantFrom('up', 'waiting'), fc.string({ unit: 'binary', maxLength: 30 })),
  )
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const session = parsePppSession(lines.map(([key, value]) => `${key}=${value}\n`).join(''))
      if (session) expect(describePppSession(session)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u)
    }),
  )
})
