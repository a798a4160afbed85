import { spawn } from 'node:child_process'
import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'
import { Decrypter, Encrypter } from 'age-encryption'
import { type Bytes, drained } from './bytes.ts'
import { Refusal } from './refusal.ts'

/*
 * The archive is encrypted in the age format (age-encryption.org/v1), by a library, and for SSH keys by Debian's own
 * age: a backup can be opened without us.
 */

/** For whom an archive is encrypted. */
export type Lock = { readonly passphrase: string } | { readonly recipients: readonly string[] }

/** What opens one: a passphrase, or the file of an age identity or an SSH private key. */
export interface Key {
  passphrase?(): Promise<string>
  readonly identities: readonly { readonly file: string; readonly text: string }[]
}

const AGE_RECIPIENT = /^age1[02-9ac-hj-np-z]{10,4000}$/
const SSH_RECIPIENT = /^ssh-(ed25519|rsa) [A-Za-z0-9+/=]{10,8000}( [^\0\n]*)?$/

/** What is wrong with a --recipient, in words; undefined when it may be one. */
export function recipientProblem(text: string): string | undefined {
  if (AGE_RECIPIENT.test(text) || SSH_RECIPIENT.test(text)) return undefined
  return `${JSON.stringify(text.slice(0, 40))} is neither an age recipient (age1…) nor an SSH public key (ssh-ed25519 AAAA…)`
}

/** Encrypts a stream as it comes. */
export async function encrypt(plain: Bytes, lock: Lock): Promise<Bytes> {
  if ('recipients' in lock && lock.recipients.some((recipient) => SSH_RECIPIENT.test(recipient)))
    return ageProgram(['--encrypt', ...lock.recipients.flatMap((one) => ['--recipient', one])], plain)
  const encrypter = new Encrypter()
  if ('passphrase' in lock) encrypter.setPassphrase(lock.passphrase)
  else {
    for (const recipient of lock.recipients) {
      try {
        encrypter.addRecipient(recipient)
      } catch (error) {
        throw new Refusal(`${recipient} is not an age recipient: ${wordsOf(error)}`, 'copy it again', {
          cause: error,
        })
      }
    }
  }
  return encrypter.encrypt(ReadableStream.from(plain))
}

const MAGIC = 'age-encryption.org/v1\n'
/** A header for some dozen recipients has a tenth of this. */
const MAX_HEADER = 64 * 1024

/** Whether this is the beginning of an encrypted archive. */
export function isEncrypted(head: Buffer): boolean {
  return head.subarray(0, MAGIC.length).toString('latin1') === MAGIC
}

/** Decrypts a stream as it comes; `head` is its beginning, at least MAX_HEADER bytes of it or all. */
export async function decrypt(secret: Bytes, head: Buffer, key: Key): Promise<Bytes> {
  const header = head.subarray(0, MAX_HEADER).toString('latin1')
  const end = /\n--- [A-Za-z0-9+/]{43}\n/.exec(header)
  if (!end) throw new Refusal('it is damaged: its header does not end', 'copy it again')
  const kinds = [...header.slice(0, end.index).matchAll(/\n-> (\S+)/g)].map((match) => match[1] ?? '')
  const ssh = key.identities.filter(({ text }) => !text.includes('AGE-SECRET-KEY-'))
  if (kinds.some((kind) => kind.startsWith('ssh-')) && ssh.length > 0)
    return ageProgram(['--decrypt', ...key.identities.flatMap(({ file }) => ['--identity', file])], secret)
  const decrypter = new Decrypter()
  if (kinds.includes('scrypt')) {
    if (!key.passphrase)
      throw new Refusal(
        'it is encrypted with a passphrase',
        'run it on a terminal, or say --passphrase-file FILE',
      )
    decrypter.addPassphrase(await key.passphrase())
  } else {
    const lines = key.identities.flatMap(({ text }) => text.match(/^AGE-SECRET-KEY-\S+/gm) ?? [])
    if (lines.length === 0) {
      const what = kinds.some((kind) => kind.startsWith('ssh-')) ? 'SSH private key' : 'age identity'
      throw new Refusal(`it is encrypted for a key`, `say --identity FILE with the ${what}`)
    }
    for (const line of lines) {
      try {
        decrypter.addIdentity(line)
      } catch (error) {
        throw new Refusal(`the identity is not one: ${wordsOf(error)}`, 'name another file', { cause: error })
      }
    }
  }
  try {
    return await decrypter.decrypt(ReadableStream.from(secret))
  } catch (error) {
    if (/no identity matched/.test(wordsOf(error)))
      throw new Refusal(
        kinds.includes('scrypt') ? 'the passphrase is wrong' : 'no identity given opens it',
        kinds.includes('scrypt') ? 'type it again' : 'name the file of the right key with --identity',
        { cause: error },
      )
    throw new Refusal(`it cannot be decrypted: ${wordsOf(error)}`, 'copy it again', { cause: error })
  }
}

export { MAX_HEADER }

/** Debian's age as a filter. */
async function* ageProgram(argv: readonly string[], input: Bytes): AsyncGenerator<Uint8Array> {
  const child = spawn('age', [...argv], { stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000)
  })
  const ended = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code) => resolve(code ?? 'killed'))
  })
  child.stdin.on('error', () => undefined)
  let broken: unknown
  const fed = feed(input, child.stdin).catch((error: unknown) => {
    broken = error
    child.kill('SIGKILL')
  })
  try {
    yield* child.stdout as AsyncIterable<Uint8Array>
    const code = await ended
    if (broken !== undefined) throw broken
    if (typeof code === 'string')
      throw new Refusal(
        `SSH keys need Debian's program age, which does not run: ${code}`,
        'apt-get install age',
      )
    const words = said
      .trim()
      .replace(/^age: (error: )?/, '')
      .split('\n')[0]
    if (code !== 0) throw new Refusal(`age says: ${words}`, 'name another key, or copy the archive again')
  } finally {
    child.kill('SIGKILL')
    await fed
  }
}

async function feed(input: Bytes, to: NodeJS.WritableStream): Promise<void> {
  for await (const chunk of Readable.from(input)) {
    if (!to.writable) return
    if (!to.write(chunk as Uint8Array)) await drained(to)
  }
  to.end()
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
