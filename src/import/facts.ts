import type { Issue } from '../config/issue.ts'
import { readCompose } from './compose.ts'
import { type OldConfig, readConfig } from './config-json.ts'
import { type OldFluent, readFluent } from './fluent.ts'
import type { Installation } from './installation.ts'
import { type OldInterface, readInterfaces } from './interfaces.ts'
import { type Iptables, readIptables } from './iptables.ts'
import { type OldKea, readKea } from './kea-config.ts'
import { type OldLease, readDump } from './lease-dump.ts'
import { type OldPeer, readPeer, secretFor } from './ppp.ts'
import type { ReportBook } from './report.ts'
import { readRsyslog } from './rsyslog.ts'
import { type OldUnbound, readUnbound } from './unbound.ts'

/** What the files of an old installation say, each by itself. */
export interface Facts {
  readonly config?: OldConfig
  readonly kea?: OldKea
  readonly fluent?: OldFluent
  readonly unbound?: OldUnbound
  readonly iptables?: Iptables
  readonly interfaces: readonly OldInterface[]
  readonly peers: readonly OldPeer[]
  readonly leases: readonly { readonly file: string; readonly leases: readonly OldLease[] }[]
  readonly hostname?: string
  /** The password of a user of PPPoE. */
  readonly passwordOf: (user: string) => string | undefined
}

/** Reads every file. What is broken comes back as issues, of all files at once. */
export function readFacts(
  from: Installation,
  book: ReportBook,
): { readonly ok: true; readonly facts: Facts } | { readonly ok: false; readonly issues: readonly Issue[] } {
  const config = from.config && readConfig(from.config, book)
  const kea = from.kea && readKea(from.kea, book)
  const iptables = from.iptables && readIptables(from.iptables)
  const dumps = from.dumps.map(({ file, bytes }) => ({ file, read: readDump(bytes, file) }))
  const reads = [config, kea, iptables, ...dumps.map(({ read }) => read)]
  const issues = reads.flatMap((read) => (read && !read.ok ? read.issues : []))
  if (issues.length > 0) return { ok: false, issues }

  if (from.compose) readCompose(from.compose, book)
  for (const source of from.rsyslog) readRsyslog(source, book)
  for (const file of from.unread) book.add('left', file, 'a file of the old router', 'nothing here reads it')
  const leases = dumps.flatMap(({ file, read }) => {
    if (!read.ok) return []
    if (!read.isUtc)
      book.add(
        'assumed',
        file,
        'the times of the leases are UTC',
        'mysqldump says so of its own accord, and here it did not',
      )
    if (read.refused > 0) book.add('left', file, `${read.refused} leases`, 'they are not whole')
    return [{ file, leases: read.leases }]
  })
  const secrets = [from.papSecrets, from.chapSecrets].filter((source) => source !== undefined)
  const fluent = from.fluent && readFluent(from.fluent, book)
  const unbound = from.unbound && readUnbound(from.unbound, book)
  const hostname = /^\s*([a-z0-9][a-z0-9-]{0,62})(?:\.|\s|$)/i
    .exec(from.hostname?.text ?? '')?.[1]
    ?.toLowerCase()
  return {
    ok: true,
    facts: {
      ...(config?.ok && { config: config.config }),
      ...(kea?.ok && { kea: kea.kea }),
      ...(iptables?.ok && { iptables: iptables.iptables }),
      ...(fluent && { fluent }),
      ...(unbound && { unbound }),
      ...(hostname !== undefined && { hostname }),
      interfaces: from.interfaces.flatMap((source) => readInterfaces(source, book)),
      peers: from.peers.map((source) => readPeer(source, book)),
      leases,
      passwordOf: (user) =>
        secrets.map((source) => secretFor(user, source)).find((secret) => secret !== undefined),
    },
  }
}
