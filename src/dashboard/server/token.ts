import { createHash, randomBytes } from 'node:crypto'

/** 256 random bits in base64url (RFC 4648 section 5): of a session, or of a link. */
export function newToken(): string {
  return randomBytes(32).toString('base64url')
}

/** What is stored of a token. It needs no salt and no cost: nobody can try 256 bits. */
export function tokenHash(token: string): string | undefined {
  if (!/^[\w-]{43}$/.test(token)) return undefined
  return createHash('sha256').update(token).digest('hex')
}
