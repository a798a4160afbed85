import { readFile } from 'node:fs/promises'
import { password } from '@clack/prompts'
import { Refusal } from '../move/refusal.ts'
import { given } from './init.ts'

const MAX_BYTES = 1024

/** The passphrase in a file: its first line, without the line's end. */
export async function passphraseFrom(file: string): Promise<string> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new Refusal(`${file} cannot be read: ${(error as Error).message}`, 'name another file', {
      cause: error,
    })
  })
  const text = bytes.toString('utf8')
  const line = text.split(/\r?\n/)[0] ?? ''
  if (bytes.length > MAX_BYTES || line === '' || text.slice(line.length).trim() !== '')
    throw new Refusal(
      `${file} is not one line with a passphrase`,
      'write the passphrase into it, and nothing else',
    )
  return line
}

/** Whether there is somebody to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true
}

/** Asks for a passphrase on the terminal; undefined when the question was cancelled. */
export async function askPassphrase(message: string): Promise<string | undefined> {
  const answer = await password({
    message,
    validate: (value) => (value ? undefined : 'type a passphrase'),
    // Standard output may be the archive.
    output: process.stderr,
  })
  return given(answer)
}

/** Asks for a new passphrase, twice. */
export async function askNewPassphrase(): Promise<string | undefined> {
  const first = await askPassphrase(
    'A passphrase for the backup (without it nobody can open it, you included)',
  )
  if (first === undefined) return undefined
  const second = await askPassphrase('The same again')
  if (second === undefined) return undefined
  if (first !== second) throw new Refusal('the two passphrases differ', 'run it again')
  return first
}
