import { createHash, randomInt, timingSafeEqual } from 'node:crypto'

/** Crockford's base 32: no letter is taken for a digit, and none is missed when it is read out. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const LENGTH = 12

/** A token to type: 60 bits, in groups of four. */
export function newToken(): string {
  const letters = Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)])
  return letters.join('').replace(/(.{4})(?=.)/g, '$1-')
}

/** What is kept of it. */
export function hashToken(token: string): string {
  return createHash('sha256').update(canonical(token)).digest('hex')
}

/** Whether this is the token that was hashed, in a time that does not depend on how much of it is right. */
export function isToken(token: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashToken(token)), Buffer.from(hash.padEnd(64).slice(0, 64)))
}

/** As people type it: capitals, other dashes, an O for a zero. */
function canonical(token: string): string {
  return token
    .toLowerCase()
    .replace(/o/g, '0')
    .replace(/[il]/g, '1')
    .replace(/[^0-9a-z]/g, '')
}
