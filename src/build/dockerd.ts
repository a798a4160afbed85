import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { copyFile, mkdir, readdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { withFileLock } from '../lib/file-lock.ts'
import { run } from '../lib/run.ts'
import { shellQuote } from '../lib/shell-quote.ts'
import { cacheRoot } from './cache.ts'
import { aptNetworkSettings, ensurePackages, trixieSources } from './debian.ts'

type Progress = (line: string) => void

const CGROUP = 'sekisho-build'

/**
 * Runs `work` with a Docker Engine of its own and gives it the argument vector that reaches it. Its images
 * persist in the cache; the engine makes no bridge, no firewall rule and no sysctl, ends with `work`, and dies
 * with this process: it lives in PID and mount namespaces that the kernel tears down even after SIGKILL.
 */
export async function withDockerd<T>(
  work: (docker: readonly string[]) => Promise<T>,
  onProgress?: Progress,
): Promise<T> {
  await ensureDocker(onProgress)
  const root = join(cacheRoot(), 'docker')
  await mkdir(root, { recursive: true })
  return withFileLock(
    join(root, '.lock'),
    async () => {
      // A socket's path is short (unix(7): 108 bytes) and a cache's need not be.
      const session = `/run/sekisho-build-${createHash('sha256').update(root).digest('hex').slice(0, 8)}`
      await rm(session, { recursive: true, force: true })
      await mkdir(session, { recursive: true, mode: 0o700 })
      const engine = await start(root, session)
      try {
        return await work(engine.docker)
      } finally {
        await engine.stop()
        await rm(session, { recursive: true, force: true })
        await removeCgroups()
      }
    },
    { onWait: () => onProgress?.('waiting for another build') },
  )
}

async function ensureDocker(onProgress?: Progress): Promise<void> {
  // Docker's own packages conflict with Debian's: whichever engine is there serves.
  const present = await Promise.all(['docker', 'dockerd', 'runc'].map(findProgram))
  if (present.includes(undefined))
    await ensurePackages(['docker.io', 'docker-cli'], onProgress).catch(
      // Debian 12 has the client inside docker.io.
      () => ensurePackages(['docker.io'], onProgress),
    )
}

async function findProgram(name: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  for (const folder of folders.filter((path) => path !== '')) {
    if (
      await stat(join(folder, name)).then(
        (s) => s.isFile(),
        () => false,
      )
    )
      return join(folder, name)
  }
  return undefined
}

async function start(root: string, session: string) {
  const socket = join(session, 'docker.sock')
  const log = join(root, 'dockerd.log')
  await writeFile(join(session, 'daemon.json'), '{}')
  await mkdir(join(session, 'client'))
  await writeRuntime(session)
  const output = openSync(log, 'w')
  const child = spawn(
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      // The engine is PID 1 of its namespace: when it goes, every process and every mount of it goes.
      'unshare',
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      // Held by every process of the engine, so a successor starts after the last one has died.
      'flock',
      '--no-fork',
      '--exclusive',
      join(root, '.engine-lock'),
      'dockerd',
      // Not the machine's own /etc/docker/daemon.json.
      '--config-file',
      join(session, 'daemon.json'),
      '--data-root',
      join(root, 'data'),
      '--exec-root',
      join(session, 'exec'),
      '--pidfile',
      join(session, 'pid'),
      '--host',
      `unix://${socket}`,
      '--bridge=none',
      '--iptables=false',
      '--ip6tables=false',
      '--ip-forward=false',
      '--ip-masq=false',
      '--exec-opt',
      'native.cgroupdriver=cgroupfs',
      '--cgroup-parent',
      `/${CGROUP}`,
      '--add-runtime',
      `build=${join(session, 'runtime')}`,
      '--default-runtime',
      'build',
    ],
    { stdio: ['ignore', output, output], detached: true },
  )
  closeSync(output)
  let ended: string | undefined
  const exit = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      ended = error.message
      resolve()
    })
    child.once('close', (code, signal) => {
      ended ??= `it ended with ${signal ?? `code ${code}`}`
      resolve()
    })
  })
  // The machine's client settings (contexts, credential helpers) are not for this engine.
  const docker = [
    'env',
    `DOCKER_CONFIG=${join(session, 'client')}`,
    'DOCKER_BUILDKIT=0',
    'docker',
    '--host',
    `unix://${socket}`,
  ]
  async function stop(): Promise<void> {
    if (ended !== undefined) return
    const engine = await firstChild(child.pid)
    if (engine !== undefined) process.kill(engine, 'SIGTERM')
    await Promise.race([exit, sleep(15_000, undefined, { ref: false })])
    if (ended === undefined) child.kill('SIGKILL')
    await exit
  }
  const deadline = Date.now() + 60_000
  while ((await run([...docker, 'version', '--format', '{{.Server.Version}}'])).code !== 0) {
    if (ended === undefined && Date.now() < deadline) {
      await sleep(200)
      continue
    }
    const reason = ended ?? 'it did not answer in 60 s'
    await stop()
    const said = (await readFile(log, 'utf8')).trim().split('\n').slice(-6).join('\n')
    throw new Error(`the Docker Engine for builds did not start: ${reason}\n${said}`)
  }
  return { docker, stop }
}

async function firstChild(pid: number | undefined): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const first = Number.parseInt(text, 10)
  return Number.isNaN(first) ? undefined : first
}

/**
 * Writes an OCI runtime that gives each build container this machine's way to the Debian archive (mirror,
 * proxy, CA) as bind mounts over /etc/apt, and is runc otherwise. Bind mounts never become part of a layer, so
 * an image knows nothing of the machine that built it.
 */
async function writeRuntime(session: string): Promise<void> {
  const apt = join(session, 'apt')
  await mkdir(join(apt, 'conf'), { recursive: true })
  const lines = [
    'APT::Install-Recommends "false";',
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    'DPkg::Options { "--force-unsafe-io"; };',
    ...(await aptNetworkSettings()),
  ]
  // A mirror over https may be signed by an authority that only this machine's store knows.
  const authorities = '/etc/ssl/certs/ca-certificates.crt'
  const own = /CaInfo "([^"]+)"/i.exec(lines.join('\n'))?.[1]
  if (
    await copyFile(own ?? authorities, join(apt, 'conf/authorities.pem')).then(
      () => true,
      () => false,
    )
  ) {
    const mounted = '/etc/apt/apt.conf.d/authorities.pem'
    lines.push(`Acquire::https::CaInfo "${mounted}";`)
    for (const [i, line] of lines.entries()) {
      lines[i] = own === undefined ? line : line.replaceAll(`"${own}"`, `"${mounted}"`)
    }
  }
  await writeFile(join(apt, 'conf/90build'), `${lines.join('\n')}\n`)
  await mkdir(join(apt, 'lists'))
  const mounts = [
    bind(join(apt, 'conf'), '/etc/apt/apt.conf.d', 'ro'),
    // apt's own caches: lists serve every build of this engine, and neither is ever part of a layer.
    bind(join(apt, 'lists'), '/var/lib/apt/lists', 'rw'),
    {
      destination: '/var/cache/apt',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'nodev', 'mode=755'],
    },
  ]
  const sources = await trixieSources()
  if (sources !== undefined) {
    await mkdir(join(apt, 'sources'))
    const keyring = 'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg'
    await writeFile(join(apt, 'sources/build.sources'), sources.replace(/^Signed-By:.*$/gm, keyring))
    mounts.push(bind(join(apt, 'sources'), '/etc/apt/sources.list.d', 'ro'))
  }
  await writeFile(join(session, 'mounts.json'), JSON.stringify(mounts))
  const edit = [process.execPath, join(import.meta.dirname, 'oci-mounts.ts'), join(session, 'mounts.json')]
  await writeFile(
    join(session, 'runtime'),
    [
      '#!/bin/sh',
      `case " $* " in *" create "*) ${edit.map(shellQuote).join(' ')} "$@" || exit 1 ;; esac`,
      'exec runc "$@"',
      '',
    ].join('\n'),
    { mode: 0o755 },
  )
}

/** A mount as the OCI runtime specification writes it. */
function bind(source: string, destination: string, access: 'ro' | 'rw') {
  return { destination, type: 'bind', source, options: ['rbind', access, 'rprivate'] }
}

/** The engine's groups outlive it, one in each cgroup v1 hierarchy; rmdir(2) takes only those with no process. */
async function removeCgroups(): Promise<void> {
  const top = '/sys/fs/cgroup'
  const hierarchies = await readdir(top).catch(() => [])
  for (const path of [top, ...hierarchies.map((name) => join(top, name))])
    await removeGroup(join(path, CGROUP))
}

async function removeGroup(path: string): Promise<void> {
  const children = await readdir(path, { withFileTypes: true }).catch(() => [])
  for (const child of children) if (child.isDirectory()) await removeGroup(join(path, child.name))
  await rmdir(path).catch(() => {})
}
