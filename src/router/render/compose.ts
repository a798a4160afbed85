import { createHash } from 'node:crypto'
import { stringify } from 'yaml'
import type { ComposeService, GeneratedFile, ModuleOutput, Mount } from '../module.ts'
import { COMPOSE_PROJECT, PATHS, runDirectory } from '../paths.ts'
import { generatedHeader } from './header.ts'

/** One module's part of the Compose project: its output and the image its Dockerfile gives, if it has one. */
export interface ComposeModule {
  readonly name: string
  readonly output: ModuleOutput
  readonly image: string | undefined
}

/** The network that services with `network: 'containers'` share; its bridge is in the zone "containers". */
const PROJECT_NETWORK = 'containers'

function mountOf(module: string, mount: Mount): Record<string, unknown> {
  switch (mount.kind) {
    case 'file':
      return bind(`${PATHS.current}/modules/${module}/${mount.file}`, mount.target, true)
    case 'data':
      return bind(`${PATHS.data}/${module}/${mount.volume}`, mount.target, false)
    case 'run':
      return bind(runDirectory(module, mount.name), mount.target, false)
    case 'host':
      return bind(mount.source, mount.target, mount.writable !== true)
    case 'tmpfs':
      return {
        type: 'tmpfs',
        target: mount.target,
        tmpfs: { size: mount.sizeBytes ?? 16 * 1024 * 1024, mode: mount.mode ?? 0o755 },
      }
  }
}

function bind(source: string, target: string, readOnly: boolean): Record<string, unknown> {
  return { type: 'bind', source, target, read_only: readOnly, bind: { create_host_path: false } }
}

/**
 * SHA-256 over the files that a service mounts: Compose recreates a container when a label changes, and a
 * bind-mounted file behind a symlink is not seen to change otherwise.
 */
function filesHash(service: ComposeService, files: readonly GeneratedFile[]): string {
  const mounted = new Set(service.mounts?.flatMap((m) => (m.kind === 'file' ? [m.file] : [])))
  const hash = createHash('sha256')
  for (const file of files
    .filter((f) => mounted.has(f.path))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    hash.update(JSON.stringify([file.path, file.mode ?? 0o644, file.text]))
  }
  return hash.digest('hex').slice(0, 16)
}

function healthOf({ health }: ComposeService): Record<string, unknown> {
  return {
    test: ['CMD', ...health.test],
    interval: `${health.intervalSecs ?? 30}s`,
    timeout: `${health.timeoutSecs ?? 5}s`,
    retries: health.retries ?? 3,
    start_period: `${health.startSecs ?? 30}s`,
    start_interval: '1s',
  }
}

/** Whether it is on the network that containers share. */
function isJoined({ network = 'containers' }: ComposeService): boolean {
  return network === 'containers'
}

function serviceOf(module: ComposeModule, service: ComposeService): Record<string, unknown> {
  const image = service.image === 'build' ? module.image : service.image
  if (image === undefined)
    throw new Error(`module ${module.name}: service ${service.name} has no Dockerfile to build`)
  return {
    image,
    ...(service.image === 'build' && { pull_policy: 'never' }),
    ...(service.command && { command: service.command }),
    ...(service.entrypoint && { entrypoint: service.entrypoint }),
    ...(service.environment && { environment: service.environment }),
    user: service.user ?? '65534:65534',
    cap_drop: ['ALL'],
    ...(service.capabilities?.length && { cap_add: [...service.capabilities].sort() }),
    security_opt: ['no-new-privileges:true'],
    read_only: true,
    restart: 'unless-stopped',
    ...(isJoined(service) ? { networks: [PROJECT_NETWORK] } : { network_mode: service.network }),
    ...(service.publish?.length && {
      ports: service.publish.map((p) => ({
        mode: 'host',
        target: p.target,
        published: String(p.port),
        protocol: p.protocol,
      })),
    }),
    ...(service.mounts?.length && { volumes: service.mounts.map((mount) => mountOf(module.name, mount)) }),
    ...(service.dependsOn?.length && {
      depends_on: Object.fromEntries(
        service.dependsOn.map((name) => [name, { condition: 'service_healthy' }]),
      ),
    }),
    ...(service.memoryBytes && { mem_limit: service.memoryBytes }),
    stop_grace_period: `${service.stopSecs ?? 10}s`,
    healthcheck: healthOf(service),
    logging: {
      driver: 'json-file',
      options: { 'max-size': '10m', 'max-file': '3', tag: '{{.Name}}' },
    },
    labels: {
      'org.sekisho.module': module.name,
      'org.sekisho.files': filesHash(service, module.output.files),
    },
  }
}

/** Compose interpolates $NAME in every value: a literal dollar is written twice (compose-spec, interpolation). */
function escaped(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$')
  if (Array.isArray(value)) return value.map(escaped)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, escaped(inner)]))
}

/**
 * The whole Compose project as YAML text; services sorted by name. Every string is quoted: Compose reads a plain
 * 2001-01-01 as a time (and dies of it) and a plain 0o17 as a number.
 */
export function renderCompose(modules: readonly ComposeModule[]): string {
  const services = modules
    .flatMap((module) => module.output.services.map((s) => [s.name, serviceOf(module, s)] as const))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  const usesNetwork = modules.some((m) => m.output.services.some(isJoined))
  const project = {
    name: COMPOSE_PROJECT,
    services: Object.fromEntries(services),
    ...(usesNetwork && { networks: { [PROJECT_NETWORK]: {} } }),
  }
  return (
    generatedHeader('core') +
    stringify(escaped(project), {
      lineWidth: 0,
      aliasDuplicateObjects: false,
      defaultStringType: 'QUOTE_DOUBLE',
      defaultKeyType: 'PLAIN',
    })
  )
}
