import type { Listen } from './module.ts'

/*
 * What the machine should be: plain data, sorted, without timestamps, so that the same router.yaml gives
 * the same bytes.
 */

/** Where a generated file may lie on the host; anything else is a bug in a module. */
export const HOST_ROOTS = [
  '/etc/systemd/network/',
  '/etc/systemd/system/',
  '/etc/sysctl.d/',
  '/etc/rsyslog.d/',
  '/etc/docker/daemon.json',
  '/etc/ppp/',
  '/etc/modules-load.d/',
  '/etc/hostname',
  '/etc/hosts',
  '/etc/tmpfiles.d/',
] as const

/** A file of the generation. */
export interface OwnedFile {
  /**
   * Path inside the generation directory: "host/etc/systemd/network/10-sekisho-wan.network" is linked from
   * /etc/systemd/network/…; "modules/unbound/unbound.conf", "compose.yaml" and "sekisho.nft" are not linked.
   */
  readonly path: string
  readonly text: string
  readonly mode: number
  /** Module name, or "core". */
  readonly owner: string
  readonly secret?: true
}

export interface OwnedUnit {
  readonly name: string
  readonly owner: string
  readonly enable: boolean
  /** Paths inside the generation whose change restarts it, beside its own text. */
  readonly watches?: readonly string[]
  /** The WAN goes with it: starting it anew is a new connection to the provider. */
  readonly reconnects?: true
}

/** A symlink on the host that leads elsewhere than into the generation: /etc/localtime, /etc/resolv.conf. */
export interface OwnedLink {
  readonly path: string
  readonly target: string
  readonly owner: string
}

export interface OwnedVolume {
  /** Absolute directory on the host: /var/lib/sekisho/<module>/<name>. */
  readonly path: string
  readonly owner: string
  readonly uid: number
  readonly gid: number
  readonly mode: number
  /** In the backup: all of it, nothing, or these files of it. */
  readonly backup: boolean | readonly string[]
  /** What of it goes there is secret. */
  readonly secret?: true
}

export interface Check {
  readonly owner: string
  readonly service: string
  readonly command: readonly string[]
  readonly why: string
}

export interface DesiredState {
  readonly files: readonly OwnedFile[]
  readonly units: readonly OwnedUnit[]
  readonly volumes: readonly OwnedVolume[]
  /** Image references the Compose project needs, with the module that builds them. */
  readonly images: readonly { readonly owner: string; readonly image: string }[]
  /** Compose service names with their owner, and what those on the host's network bind there. */
  readonly services: readonly {
    readonly owner: string
    readonly name: string
    readonly listens?: readonly Listen[]
    /** What one misses while it restarts, for the reader of a plan. */
    readonly pause?: string
  }[]
  readonly links?: readonly OwnedLink[]
  readonly checks: readonly Check[]
  /** Existing units restarted when a file of the same owner changes: "rsyslog.service". */
  readonly restarts: readonly { readonly unit: string; readonly path: string }[]
}

/** What a machine is to us before the first apply and after the last: applied, it gives everything back. */
export const NOTHING: DesiredState = {
  files: [],
  units: [],
  volumes: [],
  images: [],
  services: [],
  checks: [],
  restarts: [],
}

/** Whether this is NOTHING: every router has files. */
export function isNothing({ files }: DesiredState): boolean {
  return files.length === 0
}
