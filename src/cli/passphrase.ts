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
  const line = onlyLine(bytes)
  if (line === undefined)
    throw new Refusal(
      `${file} is not one line with a passphrase`,
      'write the passphrase into it, and nothing else',
    )
  return line
}

/** The passphrase on standard input: all of it is one line. */
export async function passphraseFromInput(): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length > MAX_BYTES) break
  }
  const line = onlyLine(Buffer.concat(chunks))
  if (line === undefined)
    throw new Refusal('standard input is not one line', 'send the password, and nothing else')
  return line
}

/** The line that is all there is; undefined when there is none, or more. */
function onlyLine(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8')
  const line = text.split(/\r?\n/)[0] ?? ''
  return bytes.length > MAX_BYTES || line === '' || text.slice(line.length).trim() !== '' ? undefined : line
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
export async function askNewPassphrase(message: string): Promise<string | undefined> {
  const first = await askPassphrase(message)
  if (first === undefined) return undefined
  const second = await askPassphrase('The same again')
  if (second === undefined) return undefined
  if (first !== second) throw new Refusal('the two differ', 'run it again')
  return first
}
