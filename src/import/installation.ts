import type { Source } from './source.ts'

/** The files of an old installation that were found; names are relative to what was named. */
export interface Installation {
  readonly config?: Source | undefined
  readonly compose?: Source | undefined
  readonly fluent?: Source | undefined
  readonly kea?: Source | undefined
  readonly unbound?: Source | undefined
  readonly iptables?: Source | undefined
  readonly hostname?: Source | undefined
  readonly papSecrets?: Source | undefined
  readonly chapSecrets?: Source | undefined
  readonly interfaces: readonly Source[]
  readonly peers: readonly Source[]
  readonly rsyslog: readonly Source[]
  readonly dumps: readonly { readonly file: string; readonly bytes: Uint8Array }[]
  /** Files that are there and that nothing here reads. */
  readonly unread: readonly string[]
}
