import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensurePackages } from '../../../src/build/debian.ts'
import { run, runOk } from '../../../src/lib/run.ts'

/*
 * Debian's OpenStack Swift with the s3api middleware: an S3 server of somebody else's that really verifies signatures. One
 * replica on one directory, four processes and a memcached (for tempauth) on the loopback, no Debian service of it.
 */

const SERVERS = ['account', 'container', 'object'] as const
const PACKAGES = ['memcached', 'swift-proxy', ...SERVERS.map((name) => `swift-${name}`)]

export interface Swift {
  readonly endpoint: string
  stop(): Promise<void>
}

export const SWIFT_KEY = { accessKeyId: 'home:recorder', secretAccessKey: 'swift-secret-of-the-test' }

export async function startSwift(): Promise<Swift> {
  await keepServicesDown()
  await ensurePackages(PACKAGES)
  // Objects' metadata are extended attributes: /var/tmp is on a disk that has them.
  const root = await mkdtemp('/var/tmp/sekisho-swift-')
  const children: ChildProcess[] = []
  const stop = async (): Promise<void> => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await rm(root, { recursive: true, force: true })
  }
  try {
    const conf = join(root, 'conf')
    await mkdir(join(root, 'devices/d1'), { recursive: true })
    await mkdir(conf)
    await writeFile(
      join(conf, 'swift.conf'),
      '[swift-hash]\nswift_hash_path_suffix = test\n[storage-policy:0]\nname = one\ndefault = yes\n',
    )
    const ports = { proxy: await freePort(), account: 0, container: 0, object: 0 }
    for (const name of SERVERS) {
      ports[name] = await freePort()
      const builder = join(conf, `${name}.builder`)
      await runOk(['swift-ring-builder', builder, 'create', '4', '1', '1'])
      await runOk(['swift-ring-builder', builder, 'add', `r1z1-127.0.0.1:${ports[name]}/d1`, '1'])
      await runOk(['swift-ring-builder', builder, 'rebalance'])
      await writeFile(join(conf, `${name}-server.conf`), storageConf(name, ports[name], root))
    }
    const memcached = await freePort()
    const cache = ['-l', '127.0.0.1', '-p', String(memcached), '-u', 'root', '-m', '8']
    children.push(spawn('memcached', cache, { stdio: 'ignore' }))
    await writeFile(join(conf, 'proxy-server.conf'), proxyConf(ports.proxy, memcached))
    for (const name of [...SERVERS, 'proxy'] as const) {
      children.push(await startServer(name, conf, root))
    }
    for (const port of Object.values(ports)) await listening(port, root)
    return { endpoint: `http://127.0.0.1:${ports.proxy}`, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** /etc/swift is ours in a mount namespace of each process; exec keeps the process identifier. */
async function startServer(name: string, conf: string, root: string): Promise<ChildProcess> {
  const script =
    'mount --bind "$1" /etc/swift && exec "swift-$2-server" "/etc/swift/$2-server.conf" > "$3" 2>&1'
  const log = join(root, `${name}.log`)
  return spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', conf, name, log],
    {
      stdio: 'ignore',
    },
  )
}

function storageConf(name: string, port: number, root: string): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = root
devices = ${join(root, 'devices')}
mount_check = false
fallocate_reserve = 0
[pipeline:main]
pipeline = ${name}-server
[app:${name}-server]
use = egg:swift#${name}
`
}

function proxyConf(port: number, memcached: number): string {
  const [account, user] = SWIFT_KEY.accessKeyId.split(':')
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
user = root
[pipeline:main]
pipeline = catch_errors cache s3api tempauth proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:${memcached}
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_${account}_${user} = ${SWIFT_KEY.secretAccessKey} .admin
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
`
}

/** The packages bring services that would start; where systemd runs they are masked until the next boot, and not enabled. */
async function keepServicesDown(): Promise<void> {
  if (!existsSync('/run/systemd/system')) return
  const jobs = [
    '',
    '-auditor',
    '-reaper',
    '-replicator',
    '-updater',
    '-sync',
    '-sharder',
    '-reconciler',
    '-reconstructor',
  ]
  const units = [
    'memcached',
    'swift-proxy',
    ...SERVERS.flatMap((name) => jobs.map((job) => `swift-${name}${job}`)),
  ]
  await run(['systemctl', 'mask', '--runtime', ...units.map((unit) => `${unit}.service`)])
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function listening(port: number, root: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const up = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('close', () => socket.destroy())
      socket.once('connect', () => socket.destroy())
    })
    if (up) return
    await sleep(100)
  }
  const logs = await Promise.all(
    [...SERVERS, 'proxy'].map((name) => readFile(join(root, `${name}.log`), 'utf8').catch(() => '')),
  )
  throw new Error(`Swift does not listen:\n${logs.join('\n').slice(-3000)}`)
}
