import type { z } from 'zod'
import type { Issue } from '../config/issue.ts'
import type { Router } from './model.ts'

/*
 * The contract between the router and a module. A module is pure: config and router in, output out.
 */

/** What modules offer each other; a closed list, so that no module ever names another. */
export const CAPABILITIES = [
  'dns',
  'local-names',
  'leases',
  'lease-database',
  'time',
  'collector',
  'netflow',
  'metrics',
  'records',
  'https',
] as const
export type Capability = (typeof CAPABILITIES)[number]

/** Where a capability is served. Which fields are set depends on the capability. */
export interface Endpoint {
  /** IP address to reach it from the host and host-network containers, e.g. "127.0.0.1". */
  readonly address?: string
  readonly port?: number
  readonly protocol?: 'tcp' | 'udp'
  /** Absolute path of a UNIX socket on the host. */
  readonly socket?: string
  /**
   * Absolute path of a file on the host: kea's lease file, where the password of `account` is; of capability metrics, a
   * status file in JSON.
   */
  readonly file?: string
  /**
   * Absolute path of a directory on the host: of capability records, where they are archived; of https, which asks for a
   * certificate of the router's own authority, the one whose folders "ca" and "tls" get it.
   */
  readonly directory?: string
  /** Name of the place that the records are of: "site=…" in their paths (capability records). */
  readonly site?: string
  /** What speaks there, where there is more than one kind: a database's. */
  readonly engine?: 'mariadb'
  /** Name of the account and of its database (capability lease-database). */
  readonly account?: string
  /** DNS names that must resolve before the clock is right (capability time). */
  readonly names?: readonly string[]
}

export interface Provided extends Endpoint {
  readonly capability: Capability
  readonly module: string
}

export interface Context<C> {
  readonly config: C
  readonly router: Router
  /** What the other modules in the file provide. */
  readonly provided: (capability: Capability) => readonly Provided[]
  /** Absolute path on the host of this module's persistent data volume. */
  dataPath(volume: string): string
  /** Absolute path on the host of this module's runtime directory (sockets), empty after a boot. */
  readonly runPath: string
}

/** A text file; path relative to the module's folder in the generation, e.g. "unbound.conf". */
export interface GeneratedFile {
  readonly path: string
  readonly text: string
  /** Octal mode, default 0o644. */
  readonly mode?: number
  /** Its text never appears in plans, `show` or logs; mode becomes 0400. */
  readonly secret?: boolean
}

/** What a module places on the host itself, each file under an allow-listed root. */
export interface HostOutput {
  /** Absolute paths under HOST_ROOTS (see desired.ts). */
  readonly files?: readonly GeneratedFile[]
  readonly sysctls?: Readonly<Record<string, string>>
  readonly units?: readonly Unit[]
  /** Existing units to restart when one of `files` changes, e.g. "rsyslog.service". */
  readonly restarts?: readonly string[]
}

/** A file that router.yaml names and the module only reads. */
export interface HostFile {
  /** Where it is named, below the module: ['archive', 's3', 'credentials_file']. */
  readonly key: readonly string[]
  readonly path: string
  /** Only its owner may read it. */
  readonly secret?: boolean
}

/** A systemd unit (RFC-less: systemd.unit(5)); enabled and started by apply. */
export interface Unit {
  readonly name: string
  readonly text: string
  /** Default true: enabled at boot and running after apply. */
  readonly enable?: boolean
}

export type Mount =
  | { readonly kind: 'file'; readonly file: string; readonly target: string }
  | { readonly kind: 'data'; readonly volume: string; readonly target: string }
  /** The module's directory of run-time files, or with `name` one more: what others may read apart from what they may not. */
  | { readonly kind: 'run'; readonly name?: string; readonly target: string }
  | { readonly kind: 'host'; readonly source: string; readonly target: string; readonly writable?: boolean }
  | { readonly kind: 'tmpfs'; readonly target: string; readonly sizeBytes?: number; readonly mode?: number }

/** A socket a service binds: checked for clashes between modules, and shown in `status`. */
export interface Listen {
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
  /** Addresses it binds on the host; absent means all. */
  readonly addresses?: readonly string[]
}

export interface Health {
  /** argv run inside the container; exit 0 is healthy. */
  readonly test: readonly string[]
  readonly intervalSecs?: number
  readonly timeoutSecs?: number
  readonly retries?: number
  /** Failures in this time after the start do not count. */
  readonly startSecs?: number
}

export interface ComposeService {
  /** Service name, e.g. "unbound"; must be the module's name or begin with "<module>-". */
  readonly name: string
  /** 'build': the image built from the module folder's Dockerfile; else a full image reference. */
  readonly image: 'build' | string
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** "uid:gid"; default "65534:65534". */
  readonly user?: string
  /** Exact Linux capabilities; everything else is dropped. */
  readonly capabilities?: readonly string[]
  /** 'host', 'containers' (default): the project's own bridge, zone "containers"; or 'none': sockets in files only. */
  readonly network?: 'host' | 'containers' | 'none'
  /** Ports published on the router's addresses (network 'containers' only); also needs an Opening. */
  readonly publish?: readonly {
    readonly protocol: 'tcp' | 'udp'
    readonly port: number
    readonly target: number
  }[]
  readonly listens: readonly Listen[]
  readonly mounts?: readonly Mount[]
  readonly health: Health
  readonly dependsOn?: readonly string[]
  readonly stopSecs?: number
  /** What one misses while it restarts, for the reader of a plan: "no DNS answers for about 2 s". */
  readonly pause?: string
  /** Upper bound for its memory in bytes. */
  readonly memoryBytes?: number
}

/** A hole in the default deny: new connections from a zone to this router's port (or published port). */
export interface Opening {
  /** 'networks' is every network; otherwise a network's name, or 'wan'. */
  readonly from: 'networks' | string
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
  /** To a published container port instead of the router itself. */
  readonly published?: boolean
  readonly why: string
}

/** Where a service's own records come from, for the recorder; a container's stdout needs no entry. */
export interface LogStream {
  readonly kind: string
  readonly file: string
}

export interface DataVolume {
  readonly name: string
  /** Owner of the directory, "uid:gid", default "0:0". */
  readonly owner?: string
  readonly mode?: number
  /** Whether it goes into a backup: all of it, nothing, or these files of it. */
  readonly backup: boolean | readonly string[]
  /** What goes into a backup are secrets: never in a readable one, and left out of one without secrets. */
  readonly secret?: boolean
}

export interface ModuleOutput {
  readonly files: readonly GeneratedFile[]
  readonly host?: HostOutput
  readonly services: readonly ComposeService[]
  readonly openings: readonly Opening[]
  readonly logs: readonly LogStream[]
  readonly data: readonly DataVolume[]
  /** It asks the host at its socket (REQUEST_SOCKET in render/units.ts): who has this flag may change the router. */
  readonly agentRequests?: boolean
  /** Native checks of the generated files, run in the module's image before the swap. */
  readonly checks?: readonly NativeCheck[]
}

/** A program that judges a generated file before it is used; runs with the service's mounts of kind 'file'. */
export interface NativeCheck {
  readonly service: string
  readonly command: readonly string[]
  /** Pattern with a named group `line` (and maybe `message`) that finds the place in its output. */
  readonly why: string
}

/** A folder of an image's build context, made of sources (src/build/images.ts knows how). */
export interface ImageMade {
  /** Its place in the context, e.g. "pages". */
  readonly path: string
  /** Paths from the project root that it is made of: the image is another one when they change. */
  readonly sources: readonly string[]
}

/**
 * A module: everything about one service. Shapes only here; `src/modules.ts` lists the ones we ship, and a
 * user's own is loaded from the folder that router.yaml names.
 */
export interface RouterModule<S extends z.ZodType = z.ZodType> {
  /** Folder, config key, service prefix and data directory: ^[a-z][a-z0-9-]{0,19}$. */
  readonly name: string
  /** One sentence for `sekisho schema` and `status`. */
  readonly summary: string
  /** Not in a first router.yaml: for those who ask for it. */
  readonly extra?: true
  readonly config: S
  provides?(config: z.output<S>, router: Router): Partial<Record<Capability, Endpoint>>
  readonly requires?: readonly Capability[]
  /** Extra paths (from the project root) that go into the image's build context, e.g. ["src/recorder"]. */
  readonly imageSources?: readonly string[]
  /** Folders of the image that are made when it is built, which only a checkout does. */
  readonly imageMade?: readonly ImageMade[]
  /**
   * What the image needs that Debian does not have, in words: no release holds such an image, it is built on the router
   * whose router.yaml names the module. Its Dockerfile has the line "# sekisho: network=host".
   */
  readonly imageNeeds?: string
  check?(ctx: Context<z.output<S>>): readonly Issue[]
  /** Files of the host that must be there before apply mounts them. */
  hostFiles?(config: z.output<S>): readonly HostFile[]
  build(ctx: Context<z.output<S>>): ModuleOutput
}

/** Keeps the schema's type through the declaration: `export const unbound = defineModule({...})`. */
export function defineModule<S extends z.ZodType>(module: RouterModule<S>): RouterModule<S> {
  return module
}
