import { networkInterfaces, uptime } from 'node:os'
import { z } from 'zod'
import { now, readGuard } from '../router/apply/guard.ts'
import type { DesiredState } from '../router/desired.ts'
import type { Host } from '../router/host.ts'
import type { Router } from '../router/model.ts'
import { observe } from '../router/observe.ts'
import { PATHS } from '../router/paths.ts'
import { plan } from '../router/plan/plan.ts'
import { PPP_SESSION, type PppSession, parsePppSession } from '../router/ppp-session.ts'
import { releaseName } from '../router/release-name.ts'
import { parseWanLease, type WanLease } from './wan-lease.ts'

export interface LinkStatus {
  /** "wan" or the network's name. */
  readonly zone: string
  readonly device: string
  readonly carrier: boolean
  /** Addresses without link-local ones. */
  readonly addresses: readonly string[]
}

export interface ServiceStatus {
  readonly module: string
  readonly service: string
  /** "healthy", "starting", "unhealthy", Docker's state word, or "missing". */
  readonly state: string
}

const Counts = z.object({
  state: z.string(),
  received: z.number(),
  stored: z.number(),
  dropped: z.number(),
  malformed: z.number(),
})

const Agent = z.object({
  wan: z.object({
    state: z.string(),
    ipv4: z.string(),
    ipv6: z.string(),
    since: z.string(),
    gateway4: z.string().optional(),
    gateway6: z.string().optional(),
  }),
  names: z.object({ count: z.number(), leases: z.number() }).optional(),
  jobs: z.record(z.string(), z.object({ ok: z.boolean(), lastError: z.string().optional() })),
})
/** How the archive gets on with its bucket. */
const Upload = z.object({
  waiting: z.number(),
  dropped: z.object({ files: z.number(), bytes: z.number() }),
  problem: z.string().optional(),
})
const Recorder = z.object({
  storeError: z.string().optional(),
  archive: z.object({ upload: Upload.optional() }),
  /** Receivers of the Forward protocol that get the records too. */
  forwardTo: z
    .array(z.object({ address: z.string(), state: z.string(), forwarded: z.number(), lost: z.number() }))
    .optional(),
  log: z.object({ dropped: z.object({ segments: z.number(), rows: z.number() }) }),
  sources: z.record(z.string(), Counts),
})
/** How posting metrics elsewhere gets on. */
const Posts = z.object({
  state: z.string(),
  posted: z.number(),
  waiting: z.number(),
  givenUp: z.number(),
  refused: z.number(),
  problem: z.string().optional(),
})
/** The watchers' supervisor, and what one of them counts. */
const Supervisor = z.object({
  children: z.record(z.string(), z.object({ state: z.string(), ended: z.number(), gaps: z.number() })),
})
const Watcher = z.object({
  received: z.number(),
  stored: z.number(),
  dropped: z.number(),
  kernelDrops: z.number().optional(),
})

export interface WatcherStatus {
  /** "dns" or "flows". */
  readonly name: string
  /** "up", or why it is not. */
  readonly state: string
  /** How often it was ended because it did not read, and what it could not follow, for that or another reason. */
  readonly ended: number
  readonly gaps: number
  /** Absent until it has told. */
  readonly counts?: z.output<typeof Watcher>
}

export interface RouterStatus {
  readonly hostname: string
  /** The release that looks, `<version>-<hash>`. */
  readonly release: string
  /** The generation in use; null before the first apply. */
  readonly generation: number | null
  readonly confirmed: boolean
  /** Seconds that there are to confirm it; null when nothing waits for that. */
  readonly confirmWithinSecs: number | null
  /** `sekisho down` holds. */
  readonly down: boolean
  /** How many steps `sekisho plan` would list. */
  readonly pendingSteps: number
  readonly firewall: 'loaded' | 'missing'
  readonly links: readonly LinkStatus[]
  /** The PPPoE session; null while nobody works at it. Absent when the WAN is none. */
  readonly session?: PppSession | null
  readonly services: readonly ServiceStatus[]
  /** What the provider gave, and for how long. */
  readonly lease: WanLease
  /** What sekishod last said; null while it is not running. */
  readonly agent: z.output<typeof Agent> | null
  /** Counts of each record source; null without a recorder. */
  readonly recorder: z.output<typeof Recorder> | null
  /** The watchers of DNS and of connections; null without them. */
  readonly watchers: readonly WatcherStatus[] | null
  /** Points of metrics posted to Mackerel, and those that wait; null without that module. */
  readonly mackerel: z.output<typeof Posts> | null
  /** Everything serves: nothing missing, unhealthy, failing or unloaded. */
  readonly ok: boolean
}

/** Looks at the running router and compares it with what router.yaml says it should be. */
export async function routerStatus(host: Host, router: Router, desired: DesiredState): Promise<RouterStatus> {
  const inventory = await observe(host, desired)
  const services = desired.services.map(({ owner, name }): ServiceStatus => {
    const live = inventory.services?.[name]
    return { module: owner, service: name, state: live ? live.health || live.state : 'missing' }
  })
  const agent = await readStatus(host, `${PATHS.run}/agent/status.json`, Agent)
  const recorder = await readStatus(host, `${PATHS.run}/recorder/status.json`, Recorder)
  const watchers = await watcherStatus(host)
  const mackerel = await readStatus(host, `${PATHS.run}/mackerel/status.json`, Posts)
  const lease = await wanLease(host, router.wan.device)
  const firewall = inventory.nft === undefined ? 'missing' : 'loaded'
  const links = await Promise.all(
    [
      { zone: 'wan', device: router.wan.device },
      ...router.networks.map(({ name, device }) => ({ zone: name, device })),
    ].map((link) => linkStatus(host, link)),
  )
  const guard = await readGuard(host)
  const session =
    router.wan.config.mode === 'pppoe'
      ? { session: parsePppSession((await host.read(PPP_SESSION)) ?? '') ?? null }
      : undefined
  const agentOk = agent !== null && Object.values(agent.jobs).every((job) => job.ok)
  return {
    hostname: router.hostname,
    release: await releaseName(),
    generation: inventory.current?.number ?? null,
    confirmed: inventory.current !== undefined && inventory.confirmed === inventory.current.number,
    confirmWithinSecs:
      guard?.phase === 'waiting' ? Math.max(0, Math.ceil((guard.deadline ?? 0) - now())) : null,
    down: inventory.down,
    pendingSteps: plan(inventory, desired).steps.length,
    firewall,
    links,
    ...session,
    services,
    lease,
    agent,
    recorder,
    watchers,
    mackerel,
    ok:
      firewall === 'loaded' &&
      agentOk &&
      (!session || session.session?.state === 'up') &&
      services.every((service) => service.state === 'healthy'),
  }
}

async function watcherStatus(host: Host): Promise<WatcherStatus[] | null> {
  const supervisor = await readStatus(host, `${PATHS.run}/watch/watch.json`, Supervisor)
  if (!supervisor) return null
  return Promise.all(
    Object.entries(supervisor.children).map(async ([name, child]) => {
      const counts = await readStatus(host, `${PATHS.run}/watch/${name}.json`, Watcher)
      return { name, ...child, ...(counts && { counts }) }
    }),
  )
}

/** Nothing while networkd does not answer, as with a WAN that is not its own. */
async function wanLease(host: Host, device: string): Promise<WanLease> {
  const { code, stdout } = await host.exec(['networkctl', '--json=short', 'status', device])
  return code === 0 ? parseWanLease(stdout, uptime()) : { delegated: [] }
}

async function linkStatus(
  host: Host,
  { zone, device }: Pick<LinkStatus, 'zone' | 'device'>,
): Promise<LinkStatus> {
  // The kernel refuses to say for a link that is down.
  const carrier = await host.read(`/sys/class/net/${device}/carrier`).catch(() => undefined)
  const addresses = (networkInterfaces()[device] ?? []).flatMap(({ cidr, address }) =>
    cidr === null || address.startsWith('fe80:') ? [] : [cidr],
  )
  return { zone, device, carrier: carrier?.trim() === '1', addresses }
}

async function readStatus<T extends z.ZodType>(
  host: Host,
  path: string,
  shape: T,
): Promise<z.output<T> | null> {
  const text = await host.read(path)
  if (text === undefined) return null
  try {
    return shape.parse(JSON.parse(text))
  } catch {
    return null // Another version wrote it, or it is damaged: as good as not running.
  }
}
