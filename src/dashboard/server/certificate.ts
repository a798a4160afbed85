import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'

/** What a TLS server shows: both in PEM, the certificate with the authority's behind it. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/**
 * Reads what the host agent made. It replaces one file after the other, so that they may not belong together for a
 * moment: undefined then, and where there is nothing yet.
 */
export async function readCertificate(directory: string): Promise<Certificate | undefined> {
  try {
    const cert = await readFile(join(directory, 'cert.pem'), 'utf8')
    const key = await readFile(join(directory, 'key.pem'), 'utf8')
    // Throws when the key is of another certificate.
    createSecureContext({ cert, key })
    new X509Certificate(cert)
    return { cert, key }
  } catch {
    return undefined
  }
}
