import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Makes a key and a certificate for a name, signed by itself, in a folder; their paths and texts. */
export async function selfSigned(folder: string, name: string) {
  const key = join(folder, `${name}.key`)
  const cert = join(folder, `${name}.pem`)
  await promisify(execFile)('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-subj',
    `/CN=${name}`,
    '-addext',
    `subjectAltName=DNS:${name}`,
    '-keyout',
    key,
    '-out',
    cert,
  ])
  return { key, cert, keyText: await readFile(key, 'utf8'), certText: await readFile(cert, 'utf8') }
}
