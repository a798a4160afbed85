import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensurePackages } from '../../../src/build/debian.ts'
import { withDockerd } from '../../../src/build/dockerd.ts'
import { buildImages } from '../../../src/build/images.ts'
import { hostsRootfs } from '../../../src/lab/rootfs.ts'
import { type RunResult, run, runOk } from '../../../src/lib/run.ts'
import { imageContext, PROJECT_ROOT } from '../../../src/router/image-ref.ts'
import type { ComposeService, ModuleOutput, Mount } from '../../../src/router/module.ts'

/** Where a module's container is run for real, in the image that a router runs: two hosts and a cable. */
export type HostName = 'router' | 'laptop'

/** Makes a copy of the client tree that nobody else sees, and runs a program in it. */
const IN_COPY = `
set -e
mount -t tmpfs none "$2"
mkdir "$2/up" "$2/work" "$2/root"
mount -t overlay none -o lowerdir="$1",upperdir="$2/up",workdir="$2/work" "$2/root"
mount -t proc none "$2/root/proc"
mount --rbind /dev "$2/root/dev"
printf '#!/bin/sh\\nenv | grep -E "^(reason|new_)"\\n' >"$2/root/print"
chmod +x "$2/root/print"
cd "$2/root"
shift 2
exec chroot . "$@"
`

export class Bed {
  readonly #docker: readonly string[]
  readonly #rootfs: string
  readonly #images: ReadonlyMap<string, string>
  readonly #folder: string
  readonly #end: () => Promise<void>
  readonly #pids = new Map<string, number>()

  private constructor(
    docker: readonly string[],
    rootfs: string,
    images: ReadonlyMap<string, string>,
    folder: string,
    end: () => Promise<void>,
  ) {
    this.#docker = docker
    this.#rootfs = rootfs
    this.#images = images
    this.#folder = folder
    this.#end = end
  }

  /** Builds the images of these modules and plugs `laptop` (eth0) into `router` (lan0 in br-home). */
  static async open(modules: readonly string[]): Promise<Bed> {
    await ensurePackages(['iproute2', 'util-linux'])
    const rootfs = await hostsRootfs()
    const contexts = modules.map((name) => imageContext(name, join(PROJECT_ROOT, 'src/modules', name)))
    const folder = await mkdtemp(join(tmpdir(), 'sekisho-modules-'))
    const ended = Promise.withResolvers<void>()
    const engine = Promise.withResolvers<readonly string[]>()
    const engineEnd = withDockerd(async (docker) => {
      engine.resolve(docker)
      await ended.promise
    })
    engineEnd.catch(engine.reject)
    const docker = await engine.promise
    const images = new Map(modules.map((name, i) => [name, contexts[i]?.ref ?? '']))
    const bed = new Bed(docker, rootfs, images, folder, async () => {
      ended.resolve()
      await engineEnd
      await rm(folder, { recursive: true, force: true })
    })
    try {
      await buildImages(docker, contexts)
      await bed.#removeLeftovers()
      for (const host of ['router', 'laptop'] as const) await bed.#startHost(host, contexts[0]?.ref ?? '')
      await bed.#plug()
    } catch (error) {
      await bed.close()
      throw error
    }
    return bed
  }

  async close(): Promise<void> {
    await this.#removeLeftovers()
    await this.#end()
  }

  async #removeLeftovers(): Promise<void> {
    const names = await runOk([...this.#docker, 'ps', '--all', '--quiet', '--filter', 'label=sekisho.bed'])
    const ids = names.split('\n').filter((id) => id !== '')
    if (ids.length > 0) await runOk([...this.#docker, 'rm', '--force', ...ids])
  }

  /** A host is a container that sleeps: its network lives as long, and others join it as they would the machine's. */
  async #startHost(host: HostName, image: string): Promise<void> {
    const ipv6 = ['--sysctl', 'net.ipv6.conf.all.disable_ipv6=0']
    const flags = [
      '--name',
      host,
      '--label',
      'sekisho.bed',
      '--network',
      'none',
      ...ipv6,
      '--entrypoint',
      'sleep',
    ]
    const id = (
      await runOk([...this.#docker, 'run', '--detach', '--init', ...flags, image, 'infinity'])
    ).trim()
    this.#pids.set(host, await hostPid(id))
    await this.on(host, ['ip', 'link', 'set', 'lo', 'up'])
  }

  async #plug(): Promise<void> {
    const laptop = String(this.#pids.get('laptop'))
    for (const args of [
      ['link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', laptop],
      ['link', 'add', 'br-home', 'type', 'bridge', 'forward_delay', '0'],
      ['link', 'set', 'lan0', 'master', 'br-home'],
      ['link', 'set', 'lan0', 'up'],
      ['link', 'set', 'br-home', 'up'],
      ['address', 'add', '10.0.0.1/24', 'dev', 'br-home'],
      ['address', 'add', 'fd12:3456:789a:1::1/64', 'dev', 'br-home', 'nodad'],
    ]) {
      await this.on('router', ['ip', ...args])
    }
  }

  /** A second cable: `device` on the router with this address, `far` on the laptop. */
  async plugDevice(device: string, address: string, far: string): Promise<void> {
    const laptop = String(this.#pids.get('laptop'))
    await this.on('router', [
      'ip',
      'link',
      'add',
      device,
      'type',
      'veth',
      'peer',
      'name',
      far,
      'netns',
      laptop,
    ])
    await this.on('router', ['ip', 'address', 'add', address, 'dev', device])
    await this.on('router', ['ip', 'link', 'set', device, 'up'])
    await this.on('laptop', ['ip', 'link', 'set', far, 'up'])
  }

  /** Runs one of this machine's programs in a host's network. */
  async on(host: HostName, argv: readonly string[]): Promise<string> {
    return runOk(['nsenter', `--net=/proc/${this.#pids.get(host)}/ns/net`, ...argv], { timeout: 30_000 })
  }

  /** Runs a program of the client tree in a host's network, with a file system that is thrown away. */
  async in(host: HostName, argv: readonly string[]): Promise<RunResult> {
    const copy = await mkdtemp(join(this.#folder, 'copy-'))
    const enter = ['nsenter', `--net=/proc/${this.#pids.get(host)}/ns/net`, 'unshare', '--mount']
    return run([...enter, 'sh', '-c', IN_COPY, 'sh', this.#rootfs, copy, ...argv], { timeout: 60_000 })
  }

  /** What Compose would run on the router, with the same rights, restarted as it would be; `kept` is the folder of an earlier one. */
  async start(module: string, output: ModuleOutput, kept?: string): Promise<Service> {
    const [service] = output.services
    if (service === undefined) throw new Error(`${module} has no service`)
    const folder = kept ?? (await mkdtemp(join(this.#folder, `${module}-`)))
    const flags = [
      '--detach',
      '--name',
      module,
      '--label',
      'sekisho.bed',
      '--network',
      'container:router',
      '--restart',
      'unless-stopped',
      ...this.#rights(service),
      ...(await this.#mounts(service, output, folder)),
    ]
    const image = service.image === 'build' ? (this.#images.get(module) ?? '') : service.image
    await runOk([...this.#docker, 'run', ...flags, image, ...(service.command ?? [])])
    return new Service(this.#docker, service, folder)
  }

  /** Runs a module's native checks as apply does: without a network, with empty folders for data and sockets. */
  async check(module: string, output: ModuleOutput): Promise<RunResult[]> {
    const results: RunResult[] = []
    for (const { service: name, command } of output.checks ?? []) {
      const service = output.services.find((candidate) => candidate.name === name)
      if (service === undefined) throw new Error(`no service ${name}`)
      const folder = await mkdtemp(join(this.#folder, 'check-'))
      const [entrypoint = '', ...args] = command
      const mounts = await this.#mounts(service, output, folder, true)
      const flags = [
        '--rm',
        '--network',
        'none',
        ...this.#rights(service),
        '--entrypoint',
        entrypoint,
        ...mounts,
      ]
      results.push(await run([...this.#docker, 'run', ...flags, this.#images.get(module) ?? '', ...args]))
    }
    return results
  }

  #rights(service: ComposeService): string[] {
    return [
      '--read-only',
      '--cap-drop',
      'ALL',
      '--security-opt',
      'no-new-privileges',
      ...(service.capabilities ?? []).flatMap((capability) => ['--cap-add', capability]),
      '--user',
      service.user ?? '65534:65534',
      '--pull',
      'never',
    ]
  }

  async #mounts(
    service: ComposeService,
    output: ModuleOutput,
    folder: string,
    checking = false,
  ): Promise<string[]> {
    for (const file of output.files) await writeFile(join(folder, file.path), file.text)
    const bind = (source: string, target: string, end = '') => [
      '--mount',
      `type=bind,source=${source},target=${target}${end}`,
    ]
    const option = async (mount: Mount): Promise<string[]> => {
      if (mount.kind === 'file') return bind(join(folder, mount.file), mount.target, ',readonly')
      if (mount.kind === 'host') return bind(mount.source, mount.target, ',readonly')
      if (checking) return ['--tmpfs', `${mount.target}:mode=1777`]
      if (mount.kind === 'tmpfs') {
        return ['--tmpfs', `${mount.target}:size=${mount.sizeBytes},mode=${mount.mode?.toString(8)}`]
      }
      const source = join(folder, mount.kind === 'run' ? 'run' : mount.volume)
      await mkdir(source, { mode: 0o750, recursive: true })
      return bind(source, mount.target)
    }
    return (await Promise.all((service.mounts ?? []).map(option))).flat()
  }
}

/** A running service. */
export class Service {
  readonly #docker: readonly string[]
  readonly #service: ComposeService
  /** Its folders for data (by volume) and for sockets (`run`), as the machine has them. */
  readonly folder: string

  constructor(docker: readonly string[], service: ComposeService, folder: string) {
    this.#docker = docker
    this.#service = service
    this.folder = folder
  }

  exec(argv: readonly string[]): Promise<RunResult> {
    return run([...this.#docker, 'exec', this.#service.name, ...argv], { timeout: 20_000 })
  }

  health(): Promise<RunResult> {
    return this.exec(this.#service.health.test)
  }

  /** Waits until it is healthy; the milliseconds it took. Throws with what it logged. */
  async healthy(withinMs = 30_000): Promise<number> {
    const start = Date.now()
    let last: RunResult | undefined
    while (Date.now() - start < withinMs) {
      last = await this.health()
      if (last.code === 0) return Date.now() - start
      await sleep(300)
    }
    throw new Error(`not healthy: ${last?.stdout}${last?.stderr}\n${await this.logs()}`)
  }

  async logs(): Promise<string> {
    const { stdout, stderr } = await run([...this.#docker, 'logs', this.#service.name])
    return stdout + stderr
  }

  /** Ends its process without a word, as a crash does. */
  async crash(): Promise<void> {
    const id = await this.#inspect('{{.Id}}')
    process.kill(await hostPid(id), 'SIGKILL')
  }

  /** How often Docker started it again. */
  async restarts(): Promise<number> {
    return Number(await this.#inspect('{{.RestartCount}}'))
  }

  async restart(): Promise<void> {
    await runOk([...this.#docker, 'restart', this.#service.name])
  }

  async remove(): Promise<void> {
    await runOk([...this.#docker, 'rm', '--force', this.#service.name])
  }

  async #inspect(format: string): Promise<string> {
    return (await runOk([...this.#docker, 'inspect', '--format', format, this.#service.name])).trim()
  }
}

/** The engine has process numbers of its own: ours is the first process in the container's cgroup. */
async function hostPid(id: string): Promise<number> {
  for (let i = 0; i < 50; i++) {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
    for (const pid of pids.sort((a, b) => a - b)) {
      const cgroup = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '')
      if (cgroup.includes(id)) return pid
    }
    await sleep(100)
  }
  throw new Error(`no process of container ${id}`)
}
