import type { Links } from '../generated.ts'
import type { Place } from '../inventory.ts'
import type { Saved } from '../merged.ts'
import type { LinkSettings } from '../saved-links.ts'
import type { OtherSetting } from '../saved-sysctls.ts'
import type { TakeoverAction } from '../takeover/takeover.ts'

/** What the user notices: nothing; a reread file; a service that restarts; a link or session that drops. */
export type Impact = 'none' | 'reload' | 'restart' | 'reconnect'

interface Owner {
  readonly uid: number
  readonly gid: number
  readonly mode: number
}

/**
 * What a step does. `before` and `after` are complete: swapping them undoes it. A step whose two sides are the
 * same (reloads, restarts) is its own inverse.
 */
export type Action =
  | { readonly do: 'images'; readonly images: readonly string[] }
  | { readonly do: 'volume'; readonly path: string; readonly before?: Owner; readonly after?: Owner }
  /** Stops a unit; `idle` when it did not run: then the way back does not start it (a socket does). */
  | { readonly do: 'stop'; readonly unit: string; readonly idle?: true }
  | { readonly do: 'start'; readonly unit: string }
  /** Restarts a unit; `ifActive` leaves a stopped one alone. */
  | { readonly do: 'restart'; readonly unit: string; readonly ifActive: boolean }
  | { readonly do: 'current'; readonly before?: number; readonly after?: number }
  | {
      /** A file of the generation: it changes with `current`; here it is for the reader. */
      readonly do: 'file'
      readonly path: string
      readonly before?: string
      readonly after?: string
      readonly secret?: true
    }
  | {
      readonly do: 'place'
      readonly path: string
      readonly before?: Place
      readonly after?: Place
      /** Where the user's own file waits while ours is in its place. */
      readonly saved?: string
    }
  | {
      readonly do: 'merge'
      readonly path: string
      readonly before?: string
      readonly after?: string
      readonly savedBefore?: Saved
      readonly savedAfter?: Saved
    }
  /** Whether `sekisho down` holds. */
  | { readonly do: 'down'; readonly before: boolean; readonly after: boolean }
  | { readonly do: 'systemd-reload' }
  | { readonly do: 'takeover'; readonly action: TakeoverAction; readonly undo: boolean }
  | { readonly do: 'tmpfiles' }
  | { readonly do: 'modules'; readonly names: readonly string[] }
  | {
      readonly do: 'hostname'
      readonly before: string
      readonly after: string
      /** Whether a generation names the host: the first remembers the name before, the last gives it back. */
      readonly ownedBefore: boolean
      readonly ownedAfter: boolean
    }
  | {
      readonly do: 'networkd'
      readonly before: Links
      readonly after: Links
      readonly changed: readonly string[]
      /** Devices that are not as the files say though these are the same. */
      readonly mended: readonly string[]
      /** "wan", or the network that each device of ours is for. */
      readonly zones: Readonly<Record<string, string>>
      /** How the devices were that are taken now: they are given back so. */
      readonly found: Readonly<Record<string, LinkSettings>>
    }
  | { readonly do: 'firewall'; readonly before: boolean; readonly after: boolean }
  | {
      readonly do: 'sysctl'
      readonly key: string
      readonly before: string
      readonly after: string
      /** Whether a generation sets it: the first to do so remembers the value before, the last gives it back. */
      readonly ownedBefore: boolean
      readonly ownedAfter: boolean
      /** For what new links inherit: the same setting of the links that are not ours. */
      readonly others: Readonly<Record<string, OtherSetting>>
    }
  | { readonly do: 'docker-start' }
  | { readonly do: 'docker-restart' }
  | {
      readonly do: 'compose'
      readonly before: boolean
      readonly after: boolean
      readonly services: readonly string[]
      /** What one misses while services of it restart, by service. */
      readonly pauses: Readonly<Record<string, string>>
    }
  /** Removes runtime directories that nothing uses any more. */
  | { readonly do: 'sweep'; readonly before: readonly string[]; readonly after: readonly string[] }

export type Step = Action & {
  readonly owner: string
  readonly impact: Impact
  /** One line for the user. */
  readonly says: string
  /** What one notices of it, a line each; none when it is nothing. */
  readonly notices?: readonly string[]
}
