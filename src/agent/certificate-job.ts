import { execFile } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { AgentConfig } from '../router/render/agent.ts'
import { certificateFiles } from './certificate-files.ts'

const MAKE = join(import.meta.dirname, 'make-certificate.ts')

type Wanted = NonNullable<AgentConfig['certificate']>

/** Sees to it that the router's server has a certificate: makes one, and a new one when two thirds of its time are over. */
export class CertificateJob {
  readonly #wanted: Wanted
  readonly #log: (line: string) => void

  constructor(wanted: Wanted, log: (line: string) => void) {
    this.#wanted = wanted
    this.#log = log
  }

  async run(): Promise<void> {
    if (await isGood(this.#wanted, Date.now())) return
    const { directory, names, addresses } = this.#wanted
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', MAKE, directory, ...names, ...addresses],
      { timeout: 60_000 },
    )
    this.#log(`certificate: made ${stdout.trim()}`)
  }
}

/** Whether what is there is for all of these, of the authority that is there, and has time. */
async function isGood({ directory, names, addresses }: Wanted, now: number): Promise<boolean> {
  try {
    const files = certificateFiles(directory)
    const cert = new X509Certificate(await readFile(files.cert, 'utf8'))
    const authority = new X509Certificate(await readFile(files.authorityCert, 'utf8'))
    if (!cert.checkPrivateKey(createPrivateKey(await readFile(files.key, 'utf8')))) return false
    if (!cert.verify(authority.publicKey)) return false
    const from = Date.parse(cert.validFrom)
    const to = Date.parse(cert.validTo)
    if (now > from + ((to - from) * 2) / 3) return false
    const wanted = [...names, ...addresses.map(canonical)].toSorted()
    return hostsOf(cert).toSorted().join() === wanted.join()
  } catch {
    return false
  }
}

/** "DNS:gate.home.arpa, IP Address:FD00:0:0:0:0:0:0:1", as Node says it. */
function hostsOf({ subjectAltName }: X509Certificate): string[] {
  return (subjectAltName ?? '').split(', ').map((entry) => canonical(entry.slice(entry.indexOf(':') + 1)))
}

/** One text for an IPv6 address, however it is written; without a library, since the agent is always there. */
function canonical(host: string): string {
  return isIPv6(host) ? new URL(`http://[${host}]/`).hostname.slice(1, -1) : host
}
