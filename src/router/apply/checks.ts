import { parse } from 'yaml'
import { z } from 'zod'
import type { Check, DesiredState } from '../desired.ts'
import type { Texts } from '../generated.ts'
import { generationPath } from '../generation/generation.ts'
import type { Host } from '../host.ts'
import { COMPOSE_PROJECT, PATHS } from '../paths.ts'
import type { Plan } from '../plan/plan.ts'
import { failure } from './step.ts'

/** A dollar that Compose would interpolate is written twice in its file (renderCompose). */
function literal(text: string): string {
  return text.replaceAll('$$', '$')
}

/** The parts of a Compose service that a check's container needs. */
const Service = z.object({
  image: z.string(),
  user: z.string().optional(),
  cap_add: z.array(z.string()).default([]),
  volumes: z
    .array(
      z.object({
        type: z.string(),
        source: z.string().transform(literal).optional(),
        target: z.string().transform(literal),
        read_only: z.boolean().optional(),
      }),
    )
    .default([]),
})
type Service = z.output<typeof Service>

const Project = z.object({ services: z.record(z.string(), Service).default({}) })

/**
 * Lets the programs that will read the new generation judge it before it is used: nft, Docker, Compose, and each
 * changed module's own checker in its own image without a network. Returns what they found wrong; changes nothing.
 */
export async function runChecks(
  host: Host,
  desired: DesiredState,
  plan: Plan,
  previous: Texts,
  onProgress: (line: string) => void,
): Promise<string[]> {
  const root = generationPath(plan.to)
  const findings: string[] = []
  const judge = async (label: string, argv: readonly string[], timeoutMs = 60_000) => {
    onProgress(`checks ${label}`)
    const result = await host.exec(argv, { timeoutMs })
    if (result.code !== 0) findings.push(`${label}: ${failure(argv, result)}`)
  }
  const changed = new Set(
    plan.steps.flatMap((step) => (step.do === 'file' && step.after !== undefined ? [step.path] : [])),
  )
  if (changed.has('sekisho.nft'))
    await judge('the firewall', ['nft', '--check', '--file', `${root}/sekisho.nft`])
  if (changed.has('lockdown.nft'))
    await judge('the lock-down table', ['nft', '--check', '--file', `${root}/lockdown.nft`])
  const daemon = plan.steps.find((step) => step.do === 'merge' && step.path === '/etc/docker/daemon.json')
  if (daemon?.do === 'merge' && daemon.after !== undefined) {
    const file = `${root}/daemon.json.check`
    await host.write(file, daemon.after, 0o644)
    await judge("Docker's settings", ['dockerd', '--validate', '--config-file', file])
    await host.remove(file)
  }
  if (desired.services.length > 0 && changed.has('compose.yaml')) {
    const argv = ['docker', 'compose', '--project-name', COMPOSE_PROJECT, '--file', `${root}/compose.yaml`]
    await judge('the Compose project', [...argv, 'config', '--quiet'])
  }
  // The modules' own checks run in what Compose just judged.
  if (findings.length > 0) return findings
  const services = composeServices(desired.files)
  const before = composeServices(previous)
  for (const check of desired.checks.filter((candidate) => isDue(candidate, plan, services, before))) {
    const service = services[check.service]
    if (!service) {
      findings.push(`${check.why}: module ${check.owner} has no service ${check.service}`)
      continue
    }
    const name = `sekisho-check-${check.service}`
    await host.exec(['docker', 'rm', '--force', name])
    await judge(check.why, checkCommand(name, check, service, root))
    // A checker that took too long was killed on our side only.
    if (findings.length > 0) await host.exec(['docker', 'rm', '--force', name])
  }
  return findings
}

function composeServices(files: Texts): Record<string, Service> {
  const text = files.find((file) => file.path === 'compose.yaml')?.text
  return text === undefined ? {} : Project.parse(parse(text)).services
}

/** A check runs when its module's files, image or mounts are new. */
function isDue(
  check: Check,
  plan: Plan,
  services: Record<string, Service>,
  before: Record<string, Service>,
): boolean {
  return (
    JSON.stringify(services[check.service]) !== JSON.stringify(before[check.service]) ||
    plan.steps.some((step) => step.do === 'file' && step.owner === check.owner)
  )
}

function checkCommand(name: string, check: Check, service: Service, root: string): string[] {
  const [entrypoint = '', ...args] = check.command
  const run = `docker run --rm --name ${name} --network none --pull never --read-only --cap-drop ALL`
  const more = '--security-opt no-new-privileges --log-driver none --entrypoint'
  return [
    ...`${run} ${more}`.split(' '),
    entrypoint,
    ...service.cap_add.flatMap((capability) => ['--cap-add', capability]),
    ...(service.user === undefined ? [] : ['--user', service.user]),
    ...service.volumes.flatMap((mount) => mountOption(mount, root)),
    service.image,
    ...args,
  ]
}

/** Generated files come from the new generation, data and sockets are empty, and the user's own files are read only. */
function mountOption({ type, source, target }: Service['volumes'][number], root: string): string[] {
  const scratch = ['--tmpfs', `${target}:mode=1777`]
  if (type !== 'bind' || source === undefined) return scratch
  if ([PATHS.data, PATHS.run].some((own) => source === own || source.startsWith(`${own}/`))) return scratch
  const from = source.startsWith(`${PATHS.current}/`) ? root + source.slice(PATHS.current.length) : source
  return ['--mount', ['type=bind', `source=${from}`, `target=${target}`, 'readonly'].map(csvField).join(',')]
}

/** `docker run --mount` reads its value as one line of CSV (RFC 4180). */
function csvField(text: string): string {
  return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
