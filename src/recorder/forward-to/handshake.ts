import { createHash, timingSafeEqual } from 'node:crypto'
import { encode } from '../sources/forward/encode.ts'
import { arrayParts, textOf } from '../sources/forward/message.ts'
import { mapText } from './answer.ts'

/*
 * The client's side of the handshake (Forward protocol specification v1.5, "Handshake Messages"): the receiver says HELO
 * with a nonce, we prove with PING that we know the shared key (and a user's password, when it asks for one), and it
 * proves the same with PONG.
 */

export interface ClientSecrets {
  readonly sharedKey: string
  readonly username?: string
  readonly password?: string
}

/** What a HELO says that the answer to it needs. */
export interface Helo {
  readonly nonce: Buffer
  /** The salt for a password; empty when no user is asked for. */
  readonly auth: Buffer
}

/** ["HELO", {nonce, auth, keepalive}]; undefined when the message is something else. */
export function readHelo(message: Buffer): Helo | undefined {
  const [word, options] = arrayParts(message) ?? []
  if (!word || !options || textOf(word)?.toString('latin1') !== 'HELO') return undefined
  const nonce = mapText(options, 'nonce')
  return nonce && { nonce, auth: mapText(options, 'auth') ?? Buffer.alloc(0) }
}

/** ["PING", our name, salt, digest of the shared key, user, digest of the password]. */
export function ping(helo: Helo, hostname: string, salt: string, secrets: ClientSecrets): Buffer {
  const { sharedKey, username = '', password = '' } = secrets
  const asked = helo.auth.length > 0
  return encode([
    'PING',
    hostname,
    salt,
    sha512(salt, hostname, helo.nonce, sharedKey),
    asked ? username : '',
    asked ? sha512(helo.auth, username, password) : '',
  ])
}

/** Why ["PONG", accepted, reason, its name, digest] is no welcome; undefined when it is one. */
export function pongProblem(
  message: Buffer,
  { nonce }: Helo,
  hostname: string,
  salt: string,
  sharedKey: string,
): string | undefined {
  const [word, accepted, reason, name, digest] = arrayParts(message) ?? []
  if (!word || textOf(word)?.toString('latin1') !== 'PONG')
    return 'it answers the handshake with something else'
  if (accepted?.[0] !== 0xc3) {
    const said =
      (reason &&
        textOf(reason)
          ?.toString('utf8')
          .replace(/[^ -~]+/g, ' ')
          .slice(0, 200)) ||
      'no reason'
    return `it refuses us: ${said}. Fix: give both the same shared key, user and password`
  }
  const theirs = name && textOf(name)
  const given = digest && textOf(digest)
  // Fluentd refuses a peer of its own name, and so it would be with a reflected handshake.
  if (!theirs || !given || theirs.toString('utf8') === hostname)
    return 'its answer to the handshake is not whole'
  const wanted = Buffer.from(sha512(salt, theirs, nonce, sharedKey), 'latin1')
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
    return 'it does not know the shared key. Fix: see that the address is the right one'
  return undefined
}

function sha512(...parts: readonly (Buffer | string)[]): string {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}
