import { mkdir, readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { isAuthorityFor, type KeyAndCert, makeAuthority, makeServerCertificate } from './authority.ts'
import { certificateFiles } from './certificate-files.ts'
import { writeAtomic } from './write-atomic.ts'

/*
 * make-certificate DIRECTORY NAME-OR-ADDRESS…: makes a certificate for the router's own server, and the authority that
 * signs it when there is none that can. Says what it made. A process of its own, since that is once in months and the agent
 * is always there: the library would cost it memory.
 */

const [directory, ...hosts] = process.argv.slice(2)
if (directory === undefined || hosts.length === 0) {
  process.stderr.write('make-certificate: no directory, or no names\n')
  process.exit(64)
}
const files = certificateFiles(directory)
const subject = {
  names: hosts.filter((host) => isIP(host) === 0),
  addresses: hosts.filter((host) => isIP(host) !== 0),
}
const now = Date.now()

let authority = await existing()
if (authority === undefined) {
  authority = await makeAuthority(subject.names[0]?.split('.')[0] ?? hostname(), subject, now)
  await put(files.authorityKey, authority.key, 0o600)
  await put(files.authorityCert, authority.cert, 0o644)
  process.stdout.write('a new authority, which devices have to trust (sekisho ca), and ')
}
const server = await makeServerCertificate(authority, subject, now)
await put(files.ca, authority.cert, 0o644)
await put(files.key, server.key, 0o600)
await put(files.cert, server.cert, 0o644)
process.stdout.write(`a certificate for ${hosts.join(' ')}\n`)

/** The authority that is there, when it can go on. A file that was tampered with is none. */
async function existing(): Promise<KeyAndCert | undefined> {
  try {
    const found = {
      key: await readFile(files.authorityKey, 'utf8'),
      cert: await readFile(files.authorityCert, 'utf8'),
    }
    return (await isAuthorityFor(found, subject, now)) ? found : undefined
  } catch {
    return undefined
  }
}

async function put(path: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeAtomic(path, text, { mode, durable: true })
}
