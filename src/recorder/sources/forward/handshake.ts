import { createHash, timingSafeEqual } from 'node:crypto'
import { encode } from './encode.ts'
import { arrayParts, textOf } from './message.ts'

/*
 * The handshake (Forward protocol specification v1.5, "Handshake Messages"): the server says HELO with a nonce, the client
 * proves with PING that it knows the shared key and maybe a user's password, the server answers PONG and proves the same.
 */

/** How we call ourselves. A client whose own name is the same refuses: it must be no host's name. */
const SERVER_HOSTNAME = 'sekisho-recorder'

export interface Credentials {
  readonly sharedKey: string
  /** Passwords by user; absent when none is asked for. */
  readonly users?: ReadonlyMap<string, string>
}

/** What a HELO offers: texts that no other connection gets. */
export interface Challenge {
  readonly nonce: string
  readonly salt: string
}

/** ["HELO", {nonce, auth, keepalive}]; `auth` is empty when no user is asked for. */
export function helo({ nonce, salt }: Challenge, { users }: Credentials): Buffer {
  return encode(['HELO', { nonce, auth: users ? salt : '', keepalive: true }])
}

export interface Answer {
  readonly pong: Buffer
  /** Why the client was refused. */
  readonly refused?: string
}

/** Judges ["PING", hostname, salt, key digest, user, password digest]; undefined when the message is no PING. */
export function answerPing(
  message: Buffer,
  challenge: Challenge,
  credentials: Credentials,
): Answer | undefined {
  const parts = arrayParts(message)?.map(textOf)
  const [word, hostname, salt, keyDigest, user, passwordDigest] = parts ?? []
  if (word?.toString('latin1') !== 'PING' || !hostname || !salt || !keyDigest) return undefined
  const { sharedKey, users } = credentials
  const digestFor = (name: Buffer | string): string => sha512(salt, name, challenge.nonce, sharedKey)
  let refused: string | undefined
  if (!same(keyDigest, digestFor(hostname))) refused = 'shared key mismatch'
  else if (users && !passes(users, challenge.salt, user, passwordDigest))
    refused = 'username/password mismatch'
  if (refused !== undefined) return { pong: encode(['PONG', false, refused, '', '']), refused }
  return { pong: encode(['PONG', true, '', SERVER_HOSTNAME, digestFor(SERVER_HOSTNAME)]) }
}

function passes(
  users: ReadonlyMap<string, string>,
  salt: string,
  user: Buffer | undefined,
  digest: Buffer | undefined,
): boolean {
  if (!user || !digest) return false
  const password = users.get(user.toString('utf8'))
  // The same work for a user that is not there.
  const right = same(digest, sha512(salt, user, password ?? ''))
  return right && password !== undefined
}

function sha512(...parts: readonly (Buffer | string)[]): string {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** Compares without telling by its time where they differ. */
function same(given: Buffer, wanted: string): boolean {
  const expected = Buffer.from(wanted, 'latin1')
  return given.length === expected.length && timingSafeEqual(given, expected)
}
