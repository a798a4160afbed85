import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeAtomic } from '../../agent/write-atomic.ts'
import { integer, list, record, string } from '../../lib/json-fields.ts'
import { log } from '../../recorder/log.ts'
import { passwordPath } from './password.ts'
import { newToken, tokenHash } from './token.ts'

const DAY_MS = 24 * 60 * 60_000
const IDLE_MS = 7 * DAY_MS
/** However much it is used. */
export const LONGEST_MS = 30 * DAY_MS
/** More than a household has browsers; the one that was quiet for longest goes first. */
const MAX_SESSIONS = 200
/** Use is written down this often: a restart may forget a little of it. */
const REMEMBER_MS = 10 * 60_000

interface Session {
  readonly createdMs: number
  usedMs: number
}

/** Who is signed in. A file keeps hashes of the tokens, so that who reads it, or a backup, cannot sign in with it. */
export class Sessions {
  readonly #directory: string
  readonly #now: () => number
  readonly #sessions: Map<string, Session>
  #writtenMs = 0
  #writing: Promise<void> = Promise.resolve()

  private constructor(directory: string, sessions: Map<string, Session>, now: () => number) {
    this.#directory = directory
    this.#sessions = sessions
    this.#now = now
  }

  /** Those of the last process. A file that cannot be read is none: everybody signs in again. */
  static async open(directory: string, now: () => number = Date.now): Promise<Sessions> {
    const read = await readSessions(directory).catch((error: unknown) => {
      log('sessions', `the sessions cannot be read, so nobody is signed in: ${String(error)}`)
      return new Map<string, Session>()
    })
    return new Sessions(directory, read, now)
  }

  /** Begins a session and returns its token, which is never the same as one that a browser had before. */
  async begin(): Promise<string> {
    const token = newToken()
    const now = this.#now()
    this.#sessions.set(keyOf(token), { createdMs: now, usedMs: now })
    const byUse = [...this.#sessions].toSorted(([, a], [, b]) => a.usedMs - b.usedMs)
    for (const [key] of byUse.slice(0, Math.max(0, byUse.length - MAX_SESSIONS))) this.#sessions.delete(key)
    await this.#write()
    return token
  }

  /** Whether it is the token of a session that goes on; counts as its use. */
  async isValid(token: string | undefined): Promise<boolean> {
    const key = token === undefined ? undefined : tokenHash(token)
    const session = key === undefined ? undefined : this.#sessions.get(key)
    if (key === undefined || session === undefined) return false
    const now = this.#now()
    const changedMs = await passwordSetMs(this.#directory)
    if (isOver(session, now) || (changedMs !== undefined && session.createdMs < changedMs)) {
      this.#sessions.delete(key)
      return false
    }
    session.usedMs = now
    if (now - this.#writtenMs > REMEMBER_MS) await this.#write()
    return true
  }

  /** Ends it, also over a crash that comes at once. */
  async end(token: string): Promise<void> {
    if (this.#sessions.delete(keyOf(token))) await this.#write(true)
  }

  #write(durable = false): Promise<void> {
    const now = this.#now()
    this.#writtenMs = now
    // One after the other: each writes what there is when its turn comes.
    this.#writing = this.#writing
      .catch(() => undefined)
      .then(async () => {
        const sessions = [...this.#sessions]
          .filter(([, session]) => !isOver(session, now))
          .map(([hash, { createdMs, usedMs }]) => ({ hash, createdMs, usedMs }))
        const text = `${JSON.stringify({ version: 1, sessions })}\n`
        await writeAtomic(fileOf(this.#directory), text, { mode: 0o600, durable })
      })
    return this.#writing
  }
}

/** When the password was set, in milliseconds since 1970; undefined without one. */
export async function passwordSetMs(directory: string): Promise<number | undefined> {
  const found = await stat(passwordPath(directory)).catch(() => undefined)
  return found?.mtimeMs
}

/** A clock that was put back makes none younger: what is of the future is over, too. */
function isOver({ createdMs, usedMs }: Session, now: number): boolean {
  return now - createdMs > LONGEST_MS || now - usedMs > IDLE_MS || createdMs - now > DAY_MS
}

function keyOf(token: string): string {
  return tokenHash(token) ?? ''
}

function fileOf(directory: string): string {
  return join(directory, 'sessions.json')
}

async function readSessions(directory: string): Promise<Map<string, Session>> {
  const text = await readFile(fileOf(directory), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return new Map()
  const { sessions } = record(JSON.parse(text), 'sessions.json')
  return new Map(
    list(sessions, 'sessions').map((one) => {
      const { hash, createdMs, usedMs } = record(one, 'sessions')
      return [
        string(hash, 'sessions.hash'),
        { createdMs: integer(createdMs, 'createdMs'), usedMs: integer(usedMs, 'usedMs') },
      ]
    }),
  )
}
