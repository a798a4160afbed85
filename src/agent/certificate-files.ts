import { join } from 'node:path'

/** Where certificates are, below the directory of agent.json: what the authority has, no container sees. */
export function certificateFiles(directory: string) {
  return {
    authorityKey: join(directory, 'ca/key.pem'),
    authorityCert: join(directory, 'ca/cert.pem'),
    key: join(directory, 'tls/key.pem'),
    /** With the authority's behind it. */
    cert: join(directory, 'tls/cert.pem'),
    /** The authority's, for who checks. */
    ca: join(directory, 'tls/ca.pem'),
  }
}
