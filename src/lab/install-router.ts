import { spawn } from 'node:child_process'
import { open, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Host } from './host.ts'
import type { Lab } from './lab.ts'

/** Where the lab's router.yaml looks for the signed root of the lab's Internet. */
const TRUST = { anchor: '/etc/sekisho/dns/root.key', hints: '/etc/sekisho/dns/root.hints' } as const

/** The release a bundle holds, from its name: sekisho-<release>.tar. */
function releaseOf(bundle: string): string {
  return basename(bundle, '.tar').replace(/^sekisho-/, '')
}

/** Whether this bundle is what the router has installed. */
export async function isInstalled(router: Host, bundle: string): Promise<boolean> {
  const { stdout } = await router.exec(['readlink', '-f', '/opt/sekisho/current'])
  return basename(stdout.trim()) === releaseOf(bundle)
}

/** Copies the bundle into the machine and installs it as the README tells a user to. */
export async function installBundle(
  router: Host,
  bundle: string,
  onLine: (line: string) => void,
): Promise<void> {
  const folder = '/root/bundle'
  const file = `${folder}/${basename(bundle)}`
  await router.execOk(['mkdir', '-p', folder])
  await copyIn(router, bundle, file)
  await router.execOk(['tar', '-xf', file, '-C', folder], { timeout: 300_000 })
  const launcher = `${folder}/sekisho-${releaseOf(bundle)}/sekisho`
  const said = await router.execOk([launcher, 'install', '--bundle', file], { timeout: 600_000 })
  for (const line of said.trim().split('\n')) onLine(line)
  await router.execOk(['rm', '-rf', folder])
}

/** Copies a file of the building machine into a host, without holding it in memory. */
async function copyIn(host: Host, from: string, to: string): Promise<void> {
  const source = await open(from)
  try {
    const [file = '', ...args] = host.command(['sh', '-c', 'cat >"$1"', 'copy', to])
    const child = spawn(file, args, { stdio: [source.fd, 'ignore', 'inherit'] })
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', resolve)
    })
    if (code !== 0) throw new Error(`copying ${from} into ${host.name} failed`)
  } finally {
    await source.close()
  }
}

/** Gives the router the lab's router.yaml and the root's anchor and hints, unless it has a router.yaml already. */
export async function configureRouter(lab: Lab): Promise<void> {
  const has = await lab.router.exec(['test', '-e', '/etc/sekisho/router.yaml'])
  if (has.code === 0) return
  await lab.router.writeFile(TRUST.anchor, await lab.isp.execOk(['cat', '/srv/dns/root.key']))
  await lab.router.writeFile(TRUST.hints, await lab.isp.execOk(['cat', '/srv/dns/root.hints']))
  await lab.writeRouterYaml(await lab.defaultYaml())
}

/** Copies a file of a host to the building machine. */
export async function copyOut(host: Host, from: string, to: string): Promise<void> {
  await writeFile(to, Buffer.from(await host.execOk(['base64', '--wrap=0', from]), 'base64'), { mode: 0o600 })
}
