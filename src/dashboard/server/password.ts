import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomic } from '../../agent/write-atomic.ts'
import { integer, record, string } from '../../lib/json-fields.ts'

/** RFC 7914: 32 MiB and about a third of a second, since the whole container has 200 MB. */
const COST = { N: 2 ** 15, r: 8, p: 3 } as const
const MAX_MEMORY = 64 * 1024 * 1024
const BYTES = 32
const FILE = 'password.json'

export const LEAST_CHARACTERS = 10
export const MOST_CHARACTERS = 256

/** A password as it is stored: what it takes to check one, and not the password. */
interface Stored {
  readonly salt: Buffer
  readonly hash: Buffer
  readonly cost: Required<Pick<ScryptOptions, 'N' | 'r' | 'p'>>
}

/** What is wrong with a new password, to be put after "it"; undefined when it is good. */
export function passwordProblem(password: string): string | undefined {
  const { length } = [...password]
  if (length < LEAST_CHARACTERS) return `has fewer than ${LEAST_CHARACTERS} characters`
  return length > MOST_CHARACTERS ? `has more than ${MOST_CHARACTERS} characters` : undefined
}

/** Makes this the password. Every session that was begun before ends (sessions.ts). */
export async function setPassword(stateDirectory: string, password: string): Promise<void> {
  const salt = randomBytes(16)
  const hash = await derive(password, salt, COST)
  const text = JSON.stringify({
    version: 1,
    salt: salt.toString('base64'),
    hash: hash.toString('base64'),
    cost: COST,
  })
  await writeAtomic(join(stateDirectory, FILE), `${text}\n`, { mode: 0o600, durable: true })
}

export function passwordPath(stateDirectory: string): string {
  return join(stateDirectory, FILE)
}

/**
 * Whether it is the password. Where none was set the answer is no, after the same work: nobody learns from the time that
 * it takes.
 */
export async function isPassword(stateDirectory: string, password: string): Promise<boolean> {
  const stored = await readStored(stateDirectory)
  const { salt, hash, cost } = stored ?? { salt: Buffer.alloc(16), hash: Buffer.alloc(BYTES), cost: COST }
  const equal = timingSafeEqual(await derive(password, salt, cost), hash)
  return equal && stored !== undefined
}

async function readStored(stateDirectory: string): Promise<Stored | undefined> {
  const text = await readFile(passwordPath(stateDirectory), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const all = record(JSON.parse(text), FILE)
  const cost = record(all.cost, 'cost')
  const hash = Buffer.from(string(all.hash, 'hash'), 'base64')
  if (hash.length !== BYTES) throw new Error(`${FILE} has a hash of another length`)
  return {
    salt: Buffer.from(string(all.salt, 'salt'), 'base64'),
    hash,
    cost: {
      N: integer(cost.N, 'cost.N', 2),
      r: integer(cost.r, 'cost.r', 1),
      p: integer(cost.p, 'cost.p', 1),
    },
  }
}

/** The key that scrypt makes of a password, in NFC so that it does not matter how it was typed (RFC 8265 section 4.2.2). */
function derive(password: string, salt: Buffer, cost: Stored['cost']): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, BYTES, { ...cost, maxmem: MAX_MEMORY }, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}
