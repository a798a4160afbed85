import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm, rmdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { childrenOf } from '../lib/process-tree.ts'
import { runOk } from '../lib/run.ts'
import { Host } from './host.ts'
import { enterRoot, startMachine } from './namespaces.ts'
import type { Places } from './places.ts'
import type { LabState } from './state.ts'
import { ROUTER_CABLES } from './topology.ts'

export interface RestartOptions {
  /** power-cut kills the machine at once; reboot lets systemd shut down. */
  readonly how?: 'reboot' | 'power-cut'
  /**
   * A new disk is a machine nothing was ever installed on; default keep. The second is new too while the first waits
   * aside, as when a router is replaced: 'first' puts that back and throws the second away.
   */
  readonly disk?: 'keep' | 'new' | 'second' | 'first'
  /** Other names for its ports, as other hardware has them: { lan0: 'enp2s0' }; until it is switched off. */
  readonly ports?: Readonly<Record<string, string>>
}

/** The router: a whole Debian machine with systemd, Docker and a disk, in systemd-nspawn. */
export class RouterMachine extends Host {
  readonly #places: Places
  readonly #state: LabState

  constructor(places: Places, state: LabState) {
    super('router', state.root, () => this.#init())
    this.#places = places
    this.#state = state
  }

  /** The machine's init, as the lab numbers it; throws while it is off. */
  #init(): number {
    const nspawn = this.#nspawn()
    const init = nspawn === undefined ? undefined : childrenOf(nspawn, this.#proc)[0]
    if (init === undefined) throw new Error('the router machine is not running')
    return init
  }

  get #proc(): string {
    return `/proc/${this.#state.root.pid}/root/proc`
  }

  #nspawn(): number | undefined {
    try {
      const pid = Number(readFileSync(join(this.#places.disk, 'machine.pid'), 'utf8'))
      return existsSync(`${this.#proc}/${pid}`) ? pid : undefined
    } catch {
      return undefined
    }
  }

  isOn(): boolean {
    try {
      return this.#init() > 0
    } catch {
      return false
    }
  }

  /** Makes its disk where there is none and switches it on; it is booting when this resolves. */
  async start(ports: RestartOptions['ports'] = {}): Promise<void> {
    await prepareDisk(this.#places.disk)
    const [wan] = ROUTER_CABLES
    await nameInstalledPort(this.#places.disk, ports[wan.near.port])
    await startMachine({
      root: this.#state.root,
      disk: this.#places.disk,
      tree: this.#state.trees.router,
      cgroups: this.#state.machineCgroups,
      cables: ROUTER_CABLES.map(({ near }) => ({ ...near, name: ports[near.port] ?? near.port })),
      log: join(this.#places.disk, 'machine.log'),
    })
  }

  /**
   * Waits until systemd has finished its start and returns what `systemctl is-system-running` says: "running", or
   * "degraded" with failed units. Throws when that takes longer than `timeout` milliseconds.
   */
  async booted(timeout = 90_000): Promise<string> {
    const end = Date.now() + timeout
    while (Date.now() < end) {
      if (this.isOn()) {
        const remaining = Math.max(1000, end - Date.now())
        // --wait fails while there is no bus yet: then ask again.
        const wait = await this.exec(['systemctl', 'is-system-running', '--wait'], { timeout: remaining })
        const word = wait.stdout.trim()
        if (word === 'running' || word === 'degraded') return word
      }
      await pause(200)
    }
    throw new Error(
      `the router machine did not boot within ${timeout / 1000} s; its console: ${this.consoleTail()}`,
    )
  }

  consoleTail(): string {
    try {
      const text = readFileSync(join(this.#places.disk, 'console.log'), 'utf8')
      return text.trim().split('\n').slice(-15).join('\n')
    } catch {
      return '(nothing)'
    }
  }

  /**
   * Boots the machine anew in a new network namespace, with the same cables; returns once systemd is up, with its
   * word for the state. The far ends of the cables see the carrier go and come.
   */
  async restart(options: RestartOptions = {}): Promise<string> {
    const { how = 'reboot', disk = 'keep', ports } = options
    if (how === 'reboot' && disk === 'keep' && ports === undefined && this.isOn()) {
      const before = this.#init()
      await this.exec(['systemctl', 'reboot'])
      await waitFor(() => !existsSync(`${this.#proc}/${before}`), 120_000, 'the router machine to go down')
      await waitFor(() => this.isOn(), 30_000, 'the router machine to come up again')
      return this.booted()
    }
    await this.powerOff()
    if (disk !== 'keep') await this.#changeDisk(disk)
    await this.start(ports)
    return this.booted()
  }

  /** Pulls the plug: every process of the machine ends at once, nothing is written any more. */
  async powerOff(): Promise<void> {
    if (!this.isOn()) return
    // The machine dies with its init; systemd-nspawn alone would leave it running.
    await runOk([...enterRoot(this.#state.root), 'kill', '-KILL', String(this.#init())])
    // The script around it has put the cables back when it is gone.
    const script = () =>
      childrenOf(1, this.#proc).some((pid) => commandOf(`${this.#proc}/${pid}`).includes('machine.sh'))
    await waitFor(() => !script(), 30_000, 'the router machine to end')
  }

  async #changeDisk(disk: 'new' | 'second' | 'first'): Promise<void> {
    await runOk([...enterRoot(this.#state.root), 'umount', '/run/router/root'])
    const aside = join(this.#places.disk, 'first')
    if (disk === 'second') await mkdir(aside, { mode: 0o700 })
    for (const part of ['upper', 'work', 'docker']) {
      const path = join(this.#places.disk, part)
      if (disk === 'second') await rename(path, join(aside, part))
      else await rm(path, { recursive: true, force: true })
      if (disk === 'first') await rename(join(aside, part), path)
    }
    if (disk === 'first') await rmdir(aside)
  }
}

/**
 * What a machine in a container lacks against one on hardware, put right outside /etc: it may write its own host
 * name, and on building machines with cgroup v1 its Docker may write those trees.
 */
async function prepareDisk(disk: string): Promise<void> {
  const units = join(disk, 'upper/usr/lib/systemd/system')
  if (existsSync(join(units, UNIT))) return
  await mkdir(join(units, 'sysinit.target.wants'), { recursive: true, mode: 0o755 })
  await writeFile(join(units, UNIT), unitText)
  await symlink(`../${UNIT}`, join(units, 'sysinit.target.wants', UNIT))
}

/** Debian's installer writes down the port that it found: on a new disk, the one that this hardware has. */
async function nameInstalledPort(disk: string, port: string | undefined): Promise<void> {
  const file = join(disk, 'upper/etc/network/interfaces')
  if (port === undefined || existsSync(file)) return
  await mkdir(dirname(file), { recursive: true, mode: 0o755 })
  const loopback = 'source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n'
  await writeFile(file, `${loopback}\nauto ${port}\niface ${port} inet dhcp\n`)
}

const UNIT = 'lab-writable.service'
const unitText = `[Unit]
Description=Kernel files that a machine on hardware may write
DefaultDependencies=no
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mount --bind /proc/sys/kernel/hostname /proc/sys/kernel/hostname
ExecStart=mount -o remount,rw,bind /proc/sys/kernel/hostname
ExecStart=/bin/sh -c 'test -e /sys/fs/cgroup/cgroup.controllers || for tree in /sys/fs/cgroup /sys/fs/cgroup/*; do ! mountpoint -q "$$tree" || mount -o remount,rw,bind "$$tree"; done'
`

function commandOf(process: string): string {
  try {
    return readFileSync(`${process}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

async function waitFor(condition: () => boolean, timeout: number, what: string): Promise<void> {
  const end = Date.now() + timeout
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited ${timeout / 1000} s for ${what}`)
    await pause(50)
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
