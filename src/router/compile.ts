import type { Issue } from '../config/issue.ts'
import { checkOutput } from './check-output.ts'
import type { DesiredState, OwnedFile, OwnedUnit, OwnedVolume } from './desired.ts'
import { HOST_ROOTS } from './desired.ts'
import type { Router } from './model.ts'
import type {
  Capability,
  Context,
  GeneratedFile,
  Listen,
  ModuleOutput,
  Provided,
  RouterModule,
} from './module.ts'
import { CAPABILITIES } from './module.ts'
import { PATHS, runDirectory } from './paths.ts'
import { renderAgent } from './render/agent.ts'
import { type ComposeModule, renderCompose } from './render/compose.ts'
import { generatedHeader } from './render/header.ts'
import { renderHostFiles, renderHostLinks } from './render/host-files.ts'
import { renderNetworkd } from './render/networkd.ts'
import { renderNft } from './render/nft.ts'
import { renderPppoe } from './render/pppoe.ts'
import { renderSysctl } from './render/sysctl.ts'
import { renderUnits } from './render/units.ts'

/** A module of the file: its declaration, its validated config, and the reference of the image it builds. */
export interface ModuleUse {
  readonly module: RouterModule
  readonly config: unknown
  readonly image?: string
}

export type Compiled =
  | {
      readonly ok: true
      readonly desired: DesiredState
      readonly outputs: ReadonlyMap<string, ModuleOutput>
      readonly warnings: readonly Issue[]
    }
  | { readonly ok: false; readonly issues: readonly Issue[] }

const CORE = 'core'

/**
 * Turns the router and its modules into everything the machine should be. Pure: the same input gives the
 * same bytes. What modules find wrong, and what only shows when all of them are seen (ports that clash,
 * capabilities nobody provides), comes back as issues, all at once.
 */
export function compile(router: Router, uses: readonly ModuleUse[]): Compiled {
  const sorted = uses.toSorted((a, b) => (a.module.name < b.module.name ? -1 : 1))
  const broken: Issue[] = []
  const provided = sorted.flatMap(
    (use) => attempt(use, broken, 'provides', () => providedBy(use, router)) ?? [],
  )
  const contexts = sorted.map((use) => ({ use, ctx: contextOf(use, router, provided) }))
  const issues: Issue[] = contexts.flatMap(({ use, ctx }) => [
    ...missingCapabilities(use.module, provided),
    ...(attempt(use, broken, 'check', () => use.module.check?.(ctx)) ?? []),
  ])
  issues.push(...broken.splice(0))
  issues.push(...unservedDhcp(router, provided))
  if (issues.some(isError)) return { ok: false, issues }

  const outputs = new Map<string, ModuleOutput>()
  for (const { use, ctx } of contexts) {
    const { name } = use.module
    const output = attempt(use, broken, 'build', () => use.module.build(ctx))
    if (output === undefined) continue
    issues.push(...checkOutput(name, output, router, use.image !== undefined))
    outputs.set(name, output)
  }
  issues.push(...broken)
  if (issues.some(isError)) return { ok: false, issues }
  issues.push(...clashes(outputs))
  if (issues.some(isError)) return { ok: false, issues }

  return { ok: true, desired: desiredState(router, sorted, outputs, provided), outputs, warnings: issues }
}

/** A user's own module may throw; that is a mistake in the file that names it, and no crash of ours. */
function attempt<T>({ module }: ModuleUse, broken: Issue[], what: string, work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    broken.push({
      path: ['modules', module.name],
      message: `its ${what}() throws: ${error instanceof Error ? error.message : String(error)}`,
      fix: 'mend its module.ts',
    })
    return undefined
  }
}

function isError(issue: Issue): boolean {
  return issue.severity !== 'warning'
}

function providedBy({ module, config }: ModuleUse, router: Router): Provided[] {
  const endpoints = module.provides?.(config, router) ?? {}
  return CAPABILITIES.flatMap((capability) => {
    const endpoint = endpoints[capability]
    return endpoint ? [{ ...endpoint, capability, module: module.name }] : []
  })
}

function contextOf(
  { module, config }: ModuleUse,
  router: Router,
  all: readonly Provided[],
): Context<unknown> {
  return {
    config,
    router,
    provided: (capability: Capability) =>
      all.filter((p) => p.capability === capability && p.module !== module.name),
    dataPath: (volume) => `${PATHS.data}/${module.name}/${volume}`,
    runPath: runDirectory(module.name),
  }
}

function missingCapabilities(module: RouterModule, provided: readonly Provided[]): Issue[] {
  return (module.requires ?? [])
    .filter((capability) => !provided.some((p) => p.capability === capability && p.module !== module.name))
    .map((capability) => ({
      path: ['modules', module.name],
      message: `needs "${capability}", which no module in this file provides`,
      fix: `add a module that provides ${capability}`,
    }))
}

function unservedDhcp(router: Router, provided: readonly Provided[]): Issue[] {
  if (provided.some(({ capability }) => capability === 'leases')) return []
  return router.networks
    .filter((network) => network.dhcp !== undefined)
    .map((network) => ({
      path: ['networks', network.name, 'dhcp'],
      message: 'no module in this file hands out addresses',
      fix: 'add one that provides leases, like "kea: {}", or remove the section',
      severity: 'warning',
    }))
}

interface Bound extends Listen {
  readonly module: string
}

function clashes(outputs: ReadonlyMap<string, ModuleOutput>): Issue[] {
  const bound: Bound[] = [...outputs].flatMap(([module, output]) =>
    output.services.flatMap((service) => [
      ...(service.network === 'host' ? service.listens : []).map((listen) => ({ ...listen, module })),
      ...(service.publish ?? []).map(({ protocol, port }) => ({ protocol, port, module })),
    ]),
  )
  return bound.flatMap((a, i) =>
    bound
      .slice(i + 1)
      .filter((b) => a.module !== b.module && overlap(a, b))
      .map((b) => ({
        path: ['modules', b.module],
        message: `listens on ${b.protocol} port ${b.port}, which module ${a.module} already uses`,
        fix: `remove one of the two modules or give one another port`,
      })),
  )
}

function overlap(a: Listen, b: Listen): boolean {
  if (a.protocol !== b.protocol || a.port !== b.port) return false
  return !a.addresses || !b.addresses || a.addresses.some((address) => b.addresses?.includes(address))
}

function desiredState(
  router: Router,
  uses: readonly ModuleUse[],
  outputs: ReadonlyMap<string, ModuleOutput>,
  provided: readonly Provided[],
): DesiredState {
  const openings = [...outputs].flatMap(([owner, output]) =>
    output.openings.map((opening) => ({ owner, opening })),
  )
  const composeModules = uses.map(({ module, image }) => ({
    name: module.name,
    output: outputOf(outputs, module.name),
    image,
  }))
  const coreUnits = renderUnits(router, { requests: asksTheHost(outputs) })
  const core: OwnedFile[] = [
    coreFile('compose.yaml', renderCompose(composeModules)),
    coreFile('sekisho.nft', renderNft({ router, openings })),
    coreFile('agent.json', renderAgent(router, provided)),
    coreFile('host/etc/sysctl.d/90-sekisho.conf', renderSysctl(router)),
    coreFile('host/etc/tmpfiles.d/sekisho-modules.conf', renderTmpfiles(outputs)),
    ...renderNetworkd(router).map((file) => coreFile(file.path, file.text)),
    ...renderHostFiles(router).map((file) => coreFile(file.path, file.text)),
    ...renderPppoe(router).map((file) => coreFile(file.path, file.text, file.mode)),
    ...coreUnits.map((unit) => coreFile(`host/etc/systemd/system/${unit.name}`, unit.text)),
  ]
  const files = [...core, ...[...outputs].flatMap(([owner, output]) => moduleFiles(owner, output))]
  const units: OwnedUnit[] = [
    ...coreUnits.map(({ name, enable, watches, reconnects }) => ({
      name,
      owner: CORE,
      enable: enable !== false,
      ...(watches && { watches }),
      ...(reconnects && { reconnects }),
    })),
    ...[...outputs].flatMap(([owner, output]) =>
      (output.host?.units ?? []).map((unit) => ({ name: unit.name, owner, enable: unit.enable !== false })),
    ),
  ]
  return {
    files: sortBy(files, (file) => file.path),
    units: sortBy(units, (unit) => unit.name),
    volumes: sortBy(
      [...outputs].flatMap(([owner, output]) => volumesOf(owner, output)),
      (volume) => volume.path,
    ),
    images: composeModules.flatMap(imagesOf),
    services: sortBy(
      [...outputs].flatMap(([owner, output]) =>
        output.services.map(({ name, network, listens, pause }) => ({
          owner,
          name,
          listens: network === 'host' ? listens : [],
          ...(pause !== undefined && { pause }),
        })),
      ),
      (service) => service.name,
    ),
    links: renderHostLinks(router),
    checks: [...outputs].flatMap(([owner, output]) =>
      (output.checks ?? []).map((check) => ({ owner, ...check })),
    ),
    restarts: [...outputs].flatMap(([, output]) =>
      (output.host?.restarts ?? []).flatMap((unit) =>
        (output.host?.files ?? []).map((file) => ({ unit, path: `host${file.path}` })),
      ),
    ),
  }
}

/** The image that a module builds, and those of others that its services name. */
function imagesOf({ name, image, output }: ComposeModule): DesiredState['images'] {
  const named = output.services.flatMap((service) => (service.image === 'build' ? [] : [service.image]))
  return [...(image === undefined ? [] : [image]), ...new Set(named)].map((ref) => ({
    owner: name,
    image: ref,
  }))
}

function outputOf(outputs: ReadonlyMap<string, ModuleOutput>, name: string): ModuleOutput {
  const output = outputs.get(name)
  if (!output) throw new Error(`module ${name} was not built`)
  return output
}

function coreFile(path: string, text: string, mode = 0o644): OwnedFile {
  return { path, text, mode, owner: CORE }
}

function moduleFiles(owner: string, output: ModuleOutput): OwnedFile[] {
  const own = output.files.map((file) => ({
    ...file,
    path: `modules/${owner}/${relative(owner, file.path)}`,
  }))
  const host = (output.host?.files ?? []).map((file) => ({
    ...file,
    path: `host${hostPath(owner, file.path)}`,
  }))
  const units: GeneratedFile[] = (output.host?.units ?? []).map((unit) => ({
    path: `host/etc/systemd/system/${relative(owner, unit.name)}`,
    text: unit.text,
  }))
  // As the core's own: `sekisho down` holds over a boot.
  const holds: GeneratedFile[] = (output.host?.units ?? [])
    .filter((unit) => unit.enable !== false)
    .map((unit) => ({
      path: `host/etc/systemd/system/${relative(owner, unit.name)}.d/10-sekisho.conf`,
      text: `${generatedHeader(owner)}[Unit]\nConditionPathExists=!${PATHS.down}\n`,
    }))
  const sysctls = Object.entries(output.host?.sysctls ?? {}).map(([key, value]) => `${key} = ${value}\n`)
  const sysctlFile: GeneratedFile = {
    path: `host/etc/sysctl.d/91-sekisho-${owner}.conf`,
    text: generatedHeader(owner) + sysctls.sort().join(''),
  }
  return [...own, ...host, ...units, ...holds, ...(sysctls.length > 0 ? [sysctlFile] : [])].map(
    ({ path, text, mode = 0o644, secret = false }) => ({
      path,
      text,
      owner,
      mode: secret ? 0o400 : mode,
      ...(secret && { secret: true as const }),
    }),
  )
}

function relative(owner: string, path: string): string {
  if (path.startsWith('/') || path.split('/').some((part) => part === '' || part === '..' || part === '.')) {
    throw new Error(`module ${owner}: ${JSON.stringify(path)} must be a path inside its own folder`)
  }
  return path
}

function hostPath(owner: string, path: string): string {
  const clean =
    path.startsWith('/') &&
    !path
      .split('/')
      .slice(1)
      .some((p) => p === '' || p === '..' || p === '.')
  if (!clean || !HOST_ROOTS.some((root) => (root.endsWith('/') ? path.startsWith(root) : path === root))) {
    throw new Error(`module ${owner}: ${JSON.stringify(path)} is not under one of ${HOST_ROOTS.join(' ')}`)
  }
  return path
}

function volumesOf(owner: string, output: ModuleOutput): OwnedVolume[] {
  return output.data.map((volume) => {
    const { uid, gid } = ids(volume.owner ?? '0:0')
    const path = `${PATHS.data}/${owner}/${relative(owner, volume.name)}`
    const secret = volume.secret === true && { secret: true as const }
    return { path, owner, uid, gid, mode: volume.mode ?? 0o750, backup: volume.backup, ...secret }
  })
}

function ids(user: string): { uid: number; gid: number } {
  const match = /^(\d+):(\d+)$/.exec(user)
  if (!match) throw new Error(`${JSON.stringify(user)} is not uid:gid`)
  return { uid: Number(match[1]), gid: Number(match[2]) }
}

/** /run is empty after a boot: tmpfiles.d(5) makes the modules' runtime directories before Docker starts. */
function renderTmpfiles(outputs: ReadonlyMap<string, ModuleOutput>): string {
  // By path: of several services that share one, the first has it.
  const owners = new Map<string, string>()
  for (const [module, { services }] of outputs)
    for (const { mounts = [], user = '65534:65534' } of services)
      for (const mount of mounts) {
        if (mount.kind !== 'run') continue
        const path = runDirectory(module, mount.name)
        if (!owners.has(path)) owners.set(path, user)
      }
  const lines = [...owners].map(([path, user]) => {
    const { uid, gid } = ids(user)
    return `d ${path} 0750 ${uid} ${gid} -\n`
  })
  if (asksTheHost(outputs)) lines.push(`d ${PATHS.requests} 0700 root root -\n`)
  return generatedHeader(CORE) + lines.join('')
}

/** Whether a module sends requests to the host. */
function asksTheHost(outputs: ReadonlyMap<string, ModuleOutput>): boolean {
  return [...outputs.values()].some((output) => output.agentRequests === true)
}

function sortBy<T>(items: readonly T[], key: (item: T) => string): T[] {
  return items.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0))
}
