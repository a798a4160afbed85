import type { DesiredState, OwnedUnit, OwnedVolume } from './desired.ts'
import type { Stat } from './host.ts'
import type { LiveLink } from './link-state.ts'
import type { Saved } from './merged.ts'
import type { LinkSettings } from './saved-links.ts'
import type { TakeoverAction } from './takeover/takeover.ts'

/** A path in /etc that a generation fills: a symlink, or a copy where a program may not follow it to us. */
export type Place =
  | { readonly kind: 'link'; readonly path: string; readonly target: string; readonly owner: string }
  | {
      readonly kind: 'copy'
      readonly path: string
      /** Path inside the generation. */
      readonly source: string
      readonly sha256: string
      readonly mode: number
      readonly owner: string
    }

interface ManifestFile {
  readonly path: string
  readonly sha256: string
  readonly mode: number
  readonly owner: string
  readonly secret?: true
}

/** manifest.json of a generation: what it is, without the texts. */
export interface Manifest {
  readonly version: 1
  readonly files: readonly ManifestFile[]
  readonly places: readonly Place[]
  readonly units: readonly OwnedUnit[]
  readonly volumes: readonly OwnedVolume[]
  readonly images: DesiredState['images']
  readonly services: DesiredState['services']
  readonly restarts: DesiredState['restarts']
}

/** What was seen running right after a generation was applied; live.json beside its manifest. */
export interface LiveRecord {
  /** Our nft table as the kernel had it (see nft-state.ts). */
  readonly nft?: string
  /** Compose's config hash of each service's container. */
  readonly services: Readonly<Record<string, string>>
}

export interface GenerationOnDisk {
  readonly number: number
  readonly manifest: Manifest
  /** Text of each file that is there, with its mode. */
  readonly files: Readonly<Record<string, { readonly text: string; readonly mode: number }>>
  /** Paths whose text or mode is not what the manifest says. */
  readonly drift: readonly string[]
  readonly live: LiveRecord | undefined
  /** Text of the router.yaml it was made of; undefined when that is not there. */
  readonly source: string | undefined
}

export interface ObservedService {
  readonly state: string
  /** "healthy", "unhealthy", "starting", or "" without a health check. */
  readonly health: string
  readonly configHash: string
}

/** What the machine is, as far as it concerns a desired state. Plain data. */
export interface Inventory {
  /** Seen without root: what could not be seen is taken to be as the last apply left it. */
  readonly limited: boolean
  /** The generation in use; undefined before the first apply. */
  readonly current: GenerationOnDisk | undefined
  readonly confirmed: number | undefined
  /** Every generation number on disk, ascending. */
  readonly generations: readonly number[]
  /** What lies at each path that the last generation filled or this one wants; with a hash for files. */
  readonly places: Readonly<Record<string, (Stat & { readonly sha256?: string }) | undefined>>
  /** Paths in /etc/sekisho/saved/files with an original in them. */
  readonly saved: readonly string[]
  /** Text of the files that are merged into (daemon.json, hosts); undefined where absent. */
  readonly merged: Readonly<Record<string, string | undefined>>
  /** What those files were before we first merged into them. */
  readonly savedMerged: Readonly<Record<string, Saved>>
  /** Values of keys before we first set them. */
  readonly savedSysctls: Readonly<Record<string, string>>
  readonly sysctls: Readonly<Record<string, string | undefined>>
  readonly units: Readonly<
    Record<
      string,
      {
        readonly active: string
        readonly load: string
        /** It still runs the release before the last installation. */
        readonly outdated?: boolean
      }
    >
  >
  /** Our nft table as the kernel has it; undefined when it is not loaded. */
  readonly nft: string | undefined
  /** undefined while Docker does not answer. */
  readonly services: Readonly<Record<string, ObservedService>> | undefined
  readonly missingImages: readonly string[]
  readonly volumes: Readonly<Record<string, Stat | undefined>>
  /** Directories below /run that should be there and are not. */
  readonly missingRun: readonly string[]
  readonly hostname: string
  /** The host's name before our first apply. */
  readonly savedHostname?: string
  /** `sekisho down` holds. */
  readonly down: boolean
  /** Links by name; undefined when the kernel could not be asked. */
  readonly links?: Readonly<Record<string, LiveLink>>
  /** What an apply is to remember, as it was before us: links by name, and settings of links that are not ours. */
  readonly found: {
    readonly links: Readonly<Record<string, LinkSettings>>
    readonly sysctls: Readonly<Record<string, string>>
  }
  /** What would fight us, and how it is set aside. */
  readonly takeover: readonly TakeoverAction[]
  /** What was set aside and need not be any more. */
  readonly lapsed: readonly TakeoverAction[]
  /** What would fight us and we cannot set aside, in words. */
  readonly blockers: readonly string[]
}
