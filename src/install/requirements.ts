import { stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { run } from '../lib/run.ts'

/** A Debian package that the router machine needs, and the program by which we know that it is there. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'docker.io': 'dockerd',
  'docker-cli': 'docker',
  nftables: 'nft',
  rsyslog: 'rsyslogd',
  iproute2: 'ip',
  kmod: 'modprobe',
  procps: 'sysctl',
  systemd: 'networkctl',
}

/** The Debian packages that this machine lacks to be a router, empty when it has all; works without a network. */
export async function missingPackages(): Promise<string[]> {
  const missing: string[] = []
  for (const [name, program] of Object.entries(PROGRAMS)) {
    if (!(await hasProgram(program))) missing.push(name)
  }
  const hasClient = !missing.includes('docker-cli')
  const compose = hasClient ? await run(['docker', 'compose', 'version', '--short']) : undefined
  if (compose?.code !== 0 || !/^v?([2-9]|\d\d)\./.test(compose.stdout.trim())) {
    // Docker's own packages conflict with Debian's of the same purpose.
    missing.push((await isInstalled('docker-ce')) ? 'docker-compose-plugin' : 'docker-compose')
  }
  return missing
}

async function hasProgram(name: string): Promise<boolean> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin']
  for (const folder of folders.filter((path) => path !== '')) {
    if (
      await stat(join(folder, name)).then(
        (found) => found.isFile(),
        () => false,
      )
    ) {
      return true
    }
  }
  return false
}

async function isInstalled(name: string): Promise<boolean> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholder
  const { stdout } = await run(['dpkg-query', '--show', '--showformat=${db:Status-Status}', name])
  return stdout === 'installed'
}
