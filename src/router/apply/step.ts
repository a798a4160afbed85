import { z } from 'zod'
import { dropAdvertisements } from '../drop-advertisements.ts'
import { sysctlPath } from '../generated.ts'
import { generationTarget } from '../generation/generation.ts'
import type { ExecOptions, ExecResult, Host } from '../host.ts'
import { removeEmptyParents, sha256 } from '../host.ts'
import type { Place } from '../inventory.ts'
import { amissLinks, observeLinks, type WantedLink } from '../link-state.ts'
import type { Saved } from '../merged.ts'
import { readJson, SAVED } from '../observe.ts'
import { COMPOSE_PROJECT, NFT_TABLE, PATHS } from '../paths.ts'
import type { Step } from '../plan/step.ts'
import { giveLinkBack, giveOwnBack, rememberLinks } from '../saved-links.ts'
import { setOthers } from '../saved-sysctls.ts'
import { doTakeover, undoTakeover } from '../takeover/takeover.ts'
import { writeJson } from '../write-json.ts'
import { announce } from './announce.ts'

/** Makes these image references available to Docker, without any network. Throws when one cannot be. */
export type EnsureImages = (images: readonly string[]) => Promise<void>

export interface StepContext {
  readonly host: Host
  readonly ensureImages: EnsureImages
  /** Seconds that the containers have to become healthy. */
  readonly healthSecs: number
}

/** A program said no. The message is what it said; `details` is what helps to find out why. */
export class StepError extends Error {
  readonly details: readonly string[]
  constructor(message: string, details: readonly string[] = []) {
    super(message)
    this.details = details
  }
}

/** What went wrong, in words. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** What helps to find out why; nothing for what is no StepError. */
export function detailsOf(error: unknown): readonly string[] {
  return error instanceof StepError ? error.details : []
}

/** Does one step on the machine. Throws when it fails, and may then have been half done. */
export async function execute(step: Step, context: StepContext): Promise<void> {
  const { host } = context
  switch (step.do) {
    case 'file':
      return
    case 'images':
      return context.ensureImages(step.images)
    case 'volume':
      return volume(host, step)
    case 'current':
      if (step.after === undefined) await host.remove(PATHS.current)
      else await host.symlink(generationTarget(step.after), PATHS.current)
      return
    case 'place':
      return place(host, step)
    case 'merge':
      return merge(host, step)
    case 'down':
      if (step.after) return host.write(PATHS.down, 'until `sekisho up` or `sekisho apply`\n', 0o644)
      return void (await host.remove(PATHS.down))
    case 'systemd-reload':
      return void (await run(host, ['systemctl', 'daemon-reload']))
    case 'takeover':
      return step.undo ? undoTakeover(host, step.action) : doTakeover(host, step.action)
    case 'tmpfiles':
      return tmpfiles(host)
    case 'modules':
      // A kernel may have them built in, or not at all: what needs them says so itself, and better.
      return void (await host.exec(['modprobe', '--all', '--quiet', ...step.names]))
    case 'hostname':
      return hostname(host, step)
    case 'networkd':
      return networkd(host, step)
    case 'firewall':
      return firewall(host, step.after)
    case 'sysctl':
      return sysctl(host, step)
    case 'stop':
      return stop(host, step.unit)
    case 'start':
      return void (await run(host, ['systemctl', 'start', step.unit], { timeoutMs: 90_000 }))
    case 'restart': {
      const verb = step.ifActive ? 'try-restart' : 'restart'
      return void (await run(host, ['systemctl', verb, step.unit], { timeoutMs: 90_000 }))
    }
    case 'docker-start':
      return void (await run(host, ['systemctl', 'start', 'docker.service'], { timeoutMs: 120_000 }))
    case 'docker-restart':
      return restartDocker(host)
    case 'compose':
      return compose(context, step)
    case 'sweep':
      for (const path of step.before.filter((old) => !step.after.includes(old)).toReversed())
        await host.removeTree(path)
      return
  }
}

/** Runs a program and throws with what it said when it fails. */
async function run(host: Host, argv: readonly string[], options?: ExecOptions): Promise<string> {
  const result = await host.exec(argv, options)
  if (result.code !== 0) throw new StepError(failure(argv, result))
  return result.stdout
}

/** A failed program in words: its first words and the end of what it said. */
export function failure(argv: readonly string[], { code, stdout, stderr }: ExecResult): string {
  const said = (stderr.trim() || stdout.trim()).split('\n').slice(-12).join('\n')
  const why = code === 124 ? 'it took too long' : code === 127 ? 'it is not installed' : `exit code ${code}`
  return `${argv.slice(0, 4).join(' ')}: ${said || why}`
}

async function volume(host: Host, { path, after }: Extract<Step, { do: 'volume' }>): Promise<void> {
  if (after) {
    await host.makeDirectory(path)
    return host.own(path, after)
  }
  // What a service has already written there is data, and data stays.
  if (!(await host.removeEmpty(path))) return
  const parent = path.slice(0, path.lastIndexOf('/'))
  if (parent.startsWith(`${PATHS.data}/`) && (await host.removeEmpty(parent)))
    await host.removeEmpty(PATHS.data)
}

async function place(
  host: Host,
  { path, before, after, saved }: Extract<Step, { do: 'place' }>,
): Promise<void> {
  if (after) {
    // On the way back ours may still be there: then the user's own file waits already.
    if (!before && saved && (await host.stat(path)) && !(await isOurs(host, after)))
      await host.rename(path, saved)
    if (after.kind === 'link') return host.symlink(after.target, path)
    const text = await host.read(`${PATHS.current}/${after.source}`)
    if (text === undefined) throw new StepError(`${after.source} is missing from the generation`)
    return host.write(path, text, after.mode)
  }
  // Only what is ours goes: when the step to undo was never done, the user's own file is still there.
  if (before && (await isOurs(host, before))) {
    await host.remove(path)
    await removeEmptyDropIn(host, path)
  }
  if (saved && (await host.stat(saved)) && !(await host.stat(path))) {
    await host.rename(saved, path)
    await removeEmptyParents(host, saved, '/etc/sekisho')
  }
}

async function isOurs(host: Host, place: Place): Promise<boolean> {
  const stat = await host.stat(place.path)
  if (place.kind === 'link') return stat?.kind === 'link' && stat.target === place.target
  return stat?.kind === 'file' && sha256((await host.read(place.path)) ?? '') === place.sha256
}

/** "docker.service.d" and "multi-user.target.wants" exist for what is in them. */
async function removeEmptyDropIn(host: Host, path: string): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf('/'))
  if (/\.(service|socket|target|timer|path|mount|network)\.(d|wants|requires)$/.test(folder))
    await host.removeEmpty(folder)
}

async function merge(host: Host, step: Extract<Step, { do: 'merge' }>): Promise<void> {
  const { path, after, savedAfter } = step
  const stat = await host.stat(path)
  const saved: Record<string, Saved> = await readJson<Record<string, Saved>>(host, SAVED.merged)
  if (savedAfter) await writeJson(host, SAVED.merged, { ...saved, [path]: savedAfter })
  if (after !== undefined) await host.write(path, after, stat?.kind === 'file' ? stat.mode : 0o644)
  else await host.remove(path)
  if (!savedAfter) {
    const { [path]: _, ...rest } = saved
    await writeJson(host, SAVED.merged, rest)
  }
}

async function hostname(host: Host, step: Extract<Step, { do: 'hostname' }>): Promise<void> {
  const { before, after, ownedBefore, ownedAfter } = step
  if (ownedAfter && !ownedBefore && !(await host.stat(SAVED.hostname)))
    await host.write(SAVED.hostname, `${before}\n`, 0o600)
  await host.poke('/proc/sys/kernel/hostname', `${after}\n`)
  if (ownedBefore && !ownedAfter && (await host.remove(SAVED.hostname)))
    await removeEmptyParents(host, SAVED.hostname, '/etc/sekisho')
}

async function sysctl(host: Host, step: Extract<Step, { do: 'sysctl' }>): Promise<void> {
  const { key, before, after, ownedBefore, ownedAfter } = step
  if (ownedAfter && !ownedBefore) {
    const saved: Record<string, string> = await readJson<Record<string, string>>(host, SAVED.sysctls)
    const others = Object.entries(step.others).map(([other, { own }]) => [other, own] as const)
    await writeJson(host, SAVED.sysctls, { ...Object.fromEntries(others), [key]: before, ...saved })
    await setOthers(host, step.others, 'ours')
  }
  try {
    await host.poke(sysctlPath(key), `${after}\n`)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new StepError(`the kernel does not take ${after} for ${key}: ${why}`)
  }
  if (ownedBefore && !ownedAfter) {
    const saved: Record<string, string> = await readJson<Record<string, string>>(host, SAVED.sysctls)
    await setOthers(host, step.others, 'own')
    const rest = Object.entries(saved).filter(([other]) => other !== key && !(other in step.others))
    await writeJson(host, SAVED.sysctls, Object.fromEntries(rest))
  }
}

async function tmpfiles(host: Host): Promise<void> {
  const folder = '/etc/tmpfiles.d'
  const files: string[] = []
  for (const name of await host.list(folder)) {
    const stat = await host.stat(`${folder}/${name}`)
    if (stat?.kind === 'link' && stat.target.startsWith(`${PATHS.current}/`)) files.push(`${folder}/${name}`)
  }
  if (files.length > 0) await run(host, ['systemd-tmpfiles', '--create', ...files])
}

async function networkd(
  host: Host,
  { before, after, changed, mended, found }: Extract<Step, { do: 'networkd' }>,
): Promise<void> {
  if (after.devices.length > 0) await rememberLinks(host, found)
  for (const [device, subnet] of Object.entries(before.delegated))
    if (after.delegated[device] !== subnet) await forgetDelegated(host, device)
  await giveOwnBack(host, before.sets, after.sets)
  await dropAdvertisements(host, 'orphans')
  await reloadNetworkd(host)
  // networkd leaves what it no longer knows as it is: devices it made, and addresses on links it configured.
  const deleted = before.netdevs.filter((name) => !after.netdevs.includes(name))
  const left = before.devices.filter((name) => !after.devices.includes(name) && !deleted.includes(name))
  for (const name of deleted) await host.exec(['ip', 'link', 'delete', 'dev', name])
  for (const name of left) {
    await host.exec(['ip', 'link', 'set', 'dev', name, 'nomaster'])
    await host.exec(['ip', 'address', 'flush', 'dev', name, 'scope', 'global'])
    await giveLinkBack(host, name)
  }
  // A reload brings back devices that are missing, and leaves alone those whose files are the same.
  for (const name of mended) await host.exec(['networkctl', 'reconfigure', name])
  await linksAreUp(host, after.wanted)
  await announce(host, [...changed, ...mended])
}

/** networkd does one at a time, and the agent asks for some too: that it is busy is no failure. */
export async function reloadNetworkd(host: Host): Promise<void> {
  const argv = ['networkctl', 'reload']
  for (let i = 0; ; i++) {
    const result = await host.exec(argv)
    if (result.code === 0) return
    if (i >= 50 || !result.stderr.includes('Already reloading')) throw new StepError(failure(argv, result))
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** networkd works in the background: gives it some seconds, or services start before there is an address. */
async function linksAreUp(host: Host, wanted: readonly WantedLink[]): Promise<void> {
  for (let i = 0; i < 50; i++) {
    const live = await observeLinks(host)
    // What does not come is no failure here: the next plan says what is amiss.
    if (live === undefined || amissLinks(wanted, live).length === 0) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

const Routes = z.array(z.object({ dst: z.string(), expires: z.number().optional() }))

/**
 * Takes a delegated prefix off a device. networkd leaves the address there when the device becomes the port of a
 * bridge, and the kernel leaves the route of any address that would have expired: two devices with a route to one
 * prefix, and its answers go to the wrong one.
 */
async function forgetDelegated(host: Host, device: string): Promise<void> {
  await host.exec(['ip', '-6', 'address', 'flush', 'dev', device, 'scope', 'global', 'dynamic'])
  const { code, stdout } = await host.exec([
    'ip',
    '-6',
    '-json',
    'route',
    'show',
    'dev',
    device,
    'proto',
    'kernel',
  ])
  const routes = code === 0 && stdout.trim() !== '' ? Routes.parse(JSON.parse(stdout)) : []
  for (const { dst } of routes.filter(({ expires }) => expires !== undefined))
    await host.exec(['ip', '-6', 'route', 'delete', dst, 'dev', device, 'proto', 'kernel'])
}

async function firewall(host: Host, load: boolean): Promise<void> {
  if (load) return void (await run(host, ['nft', '-f', `${PATHS.current}/sekisho.nft`]))
  const argv = ['nft', 'delete', 'table', 'inet', NFT_TABLE]
  const result = await host.exec(argv)
  if (result.code !== 0 && !/No such file/.test(result.stderr)) throw new StepError(failure(argv, result))
}

async function stop(host: Host, unit: string): Promise<void> {
  const argv = ['systemctl', 'stop', unit]
  const result = await host.exec(argv, { timeoutMs: 90_000 })
  // 5: there is no such unit, so nothing runs (systemctl(1), exit status).
  if (result.code !== 0 && result.code !== 5) throw new StepError(failure(argv, result))
}

async function restartDocker(host: Host): Promise<void> {
  // systemd refuses the fourth start within a minute; that limit is for crashes, and this is none.
  await host.exec(['systemctl', 'reset-failed', 'docker.service'])
  // Turns live-restore on in the running daemon, so that the restart already leaves the containers alone.
  await host.exec(['systemctl', 'reload', 'docker.service'])
  await run(host, ['systemctl', 'restart', 'docker.service'], { timeoutMs: 120_000 })
}

async function compose(context: StepContext, step: Extract<Step, { do: 'compose' }>): Promise<void> {
  const { host, healthSecs } = context
  const project = ['docker', 'compose', '--project-name', COMPOSE_PROJECT]
  if (!step.after) {
    await run(host, [...project, 'down', '--remove-orphans', '--timeout', '20'], { timeoutMs: 120_000 })
    return
  }
  const argv = [
    ...project,
    '--file',
    `${PATHS.current}/compose.yaml`,
    'up',
    '--detach',
    '--remove-orphans',
    '--no-build',
    '--pull',
    'never',
    '--wait',
    '--wait-timeout',
    String(healthSecs),
  ]
  const result = await host.exec(argv, { timeoutMs: (healthSecs + 60) * 1000 })
  if (result.code === 0) return removeUnusedNetworks(host)
  // Compose tells its progress on stderr too; the reason is what is left.
  const stderr = result.stderr.replace(/^ (Container|Network|Volume|Image) .*\n?/gm, '')
  throw new StepError(
    failure(['docker', 'compose', 'up'], { ...result, stderr }),
    await containerTroubles(host),
  )
}

/** Compose removes containers that left the file, and leaves the networks they alone were in. */
async function removeUnusedNetworks(host: Host): Promise<void> {
  const filter = `label=com.docker.compose.project=${COMPOSE_PROJECT}`
  const networks = await run(host, ['docker', 'network', 'ls', '--quiet', '--filter', filter])
  for (const id of networks.split('\n').filter(Boolean)) {
    const used = await run(host, ['docker', 'network', 'inspect', '--format', '{{len .Containers}}', id])
    if (used.trim() === '0') await run(host, ['docker', 'network', 'rm', id])
  }
}

/** For each container of ours that is not well: what its health check and its log said last. */
async function containerTroubles(host: Host): Promise<string[]> {
  const filter = `label=com.docker.compose.project=${COMPOSE_PROJECT}`
  const format = '{{.Names}}\t{{.State}}\t{{.Status}}'
  const { stdout } = await host.exec(['docker', 'ps', '--all', '--filter', filter, '--format', format])
  const details: string[] = []
  for (const line of stdout.split('\n')) {
    const [name, state, status = ''] = line.split('\t')
    if (!name || (state === 'running' && !/unhealthy|starting/.test(status))) continue
    details.push(`${name}: ${status}`)
    const health = '{{with .State.Health}}{{range .Log}}{{println .Output}}{{end}}{{end}}'
    const checks = await host.exec(['docker', 'inspect', '--format', health, name])
    details.push(...lastLines(checks.stdout, 3).map((text) => `${name}: health check: ${text}`))
    const logs = await host.exec(['docker', 'logs', '--tail', '15', name])
    details.push(...lastLines(logs.stdout + logs.stderr, 15).map((text) => `${name}: ${text}`))
  }
  return details
}

function lastLines(text: string, count: number): string[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-count)
}
