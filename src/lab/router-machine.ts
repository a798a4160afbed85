import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
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
  /** A new disk is a machine nothing was ever installed on; default keep. */
  readonly disk?: 'keep' | 'new'
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
  async start(): Promise<void> {
    await prepareDisk(this.#places.disk)
    await startMachine({
      root: this.#state.root,
      disk: this.#places.disk,
      tree: this.#state.trees.router,
      cgroups: this.#state.machineCgroups,
      cables: ROUTER_CABLES.map(({ near }) => near),
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
    const { how = 'reboot', disk = 'keep' } = options
    if (how === 'reboot' && disk === 'keep' && this.isOn()) {
      const before = this.#init()
      await this.exec(['systemctl', 'reboot'])
      await waitFor(() => !existsSync(`${this.#proc}/${before}`), 120_000, 'the router machine to go down')
      await waitFor(() => this.isOn(), 30_000, 'the router machine to come up again')
      return this.booted()
    }
    await this.powerOff()
    if (disk === 'new') await this.#newDisk()
    await this.start()
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

  async #newDisk(): Promise<void> {
    await runOk([...enterRoot(this.#state.root), 'umount', '/run/router/root'])
    for (const part of ['upper', 'work', 'docker']) {
      await rm(join(this.#places.disk, part), { recursive: true, force: true })
    }
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
