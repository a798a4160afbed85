import { readFile } from 'node:fs/promises'
import type { Credentials } from './handshake.ts'

/** Paths of the files that hold the secrets. */
export interface CredentialFiles {
  /** The key that clients and we share, as one line. */
  readonly sharedKeyFile: string
  /** Users, a line each: "name:password". */
  readonly usersFile?: string
}

/** Reads the secrets; throws with the file's name, and never with what is in it. */
export async function readCredentials({ sharedKeyFile, usersFile }: CredentialFiles): Promise<Credentials> {
  const sharedKey = (await readFile(sharedKeyFile, 'utf8')).trim()
  if (sharedKey === '') throw new Error(`${sharedKeyFile} is empty: it should hold the shared key`)
  if (usersFile === undefined) return { sharedKey }
  return { sharedKey, users: usersOf(await readFile(usersFile, 'utf8'), usersFile) }
}

function usersOf(text: string, path: string): Map<string, string> {
  const users = new Map<string, string>()
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('#')) continue
    const colon = line.indexOf(':')
    if (colon < 1 || colon === line.length - 1) throw new Error(`${path}:${i + 1} is not "name:password"`)
    users.set(line.slice(0, colon), line.slice(colon + 1))
  }
  return users
}
