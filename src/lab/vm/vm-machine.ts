import { existsSync, readFileSync } from 'node:fs'
import { link, mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runOk } from '../../lib/run.ts'
import { enterRoot } from '../namespaces.ts'
import type { Places } from '../places.ts'
import type { RestartOptions } from '../router-machine.ts'
import type { LabState, VmParts } from '../state.ts'
import { ROUTER_CABLES } from '../topology.ts'
import { overlayDisk } from './disk.ts'
import { Emulator } from './emulator.ts'
import { VmHost } from './vm-host.ts'

/** Emulated in software, everything takes several times as long. */
const BOOT_PATIENCE_MS = 900_000

/**
 * A kernel that dies in its first seconds, before any program runs. qemu's processors are threads, and one may run an
 * instruction of the kernel's that another is patching: seen once in some two hundred boots, and never twice in a row.
 */
const EARLY_PANIC = /^\[ +\d\.\d+\] Kernel panic - .*$/m

interface VmOptions {
  /** More kernel parameters, for this boot. */
  readonly parameters?: readonly string[]
}

/** The router as a virtual machine with Debian's own kernel, on the same cables as the one in a container. */
export class VmMachine extends VmHost {
  readonly #state: LabState
  readonly #parts: VmParts
  readonly #emulator: Emulator
  /** What this boot's kernel was told. */
  #parameters: readonly string[] = []
  /** Where its console begins among those of all boots. */
  #consoleFrom = 0

  constructor(places: Places, state: LabState, parts: VmParts) {
    const folder = join(places.disk, 'vm')
    super('router', state.root, folder)
    this.#state = state
    this.#parts = parts
    this.#emulator = new Emulator(state, folder)
  }

  isOn(): boolean {
    return this.#emulator.isOn()
  }

  /** Makes its disk where there is none and switches it on; it is booting when this resolves. */
  async start(parameters: readonly string[] = []): Promise<void> {
    this.#parameters = parameters
    this.#consoleFrom = this.#console().length
    const { folder } = this.#emulator
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const base = join(folder, 'base.qcow2')
    const disk = join(folder, 'disk.qcow2')
    if (!existsSync(base)) {
      // A name of our own, so that the cache may forget it.
      await link(this.#parts.disk, base).catch(() => symlink(this.#parts.disk, base))
    }
    if (!existsSync(disk)) await overlayDisk(base, disk)
    const cable = join(import.meta.dirname, 'cable.sh')
    const ports = ROUTER_CABLES.map(({ near }) => ({ port: near.port, tap: tapOf(near.port), mac: near.mac }))
    for (const { port, tap } of ports) await this.#inRoot('bash', cable, tap, port)
    await this.#emulator.start({
      name: 'router',
      kernel: this.#parts.kernel,
      append: parameters,
      disk,
      memoryMib: 2048,
      processors: 2,
      ports,
    })
  }

  /** As RouterMachine.booted. The emulator's own fault has one more try. */
  async booted(timeout = BOOT_PATIENCE_MS): Promise<string> {
    try {
      return await this.#untilBooted(timeout)
    } catch (error) {
      const panic = this.isOn() ? undefined : EARLY_PANIC.exec(this.#console().slice(this.#consoleFrom))?.[0]
      if (panic === undefined) throw error
      process.stderr.write(`the emulated kernel died before any program ran, and boots again: ${panic}\n`)
      await this.powerOff()
      await this.start(this.#parameters)
      return this.#untilBooted(timeout)
    }
  }

  async #untilBooted(timeout: number): Promise<string> {
    for (const end = Date.now() + timeout; Date.now() < end && this.isOn(); await sleep(300)) {
      const remaining = Math.max(1000, end - Date.now())
      // --wait fails while there is no bus yet: then ask again.
      const wait = await this.exec(['systemctl', 'is-system-running', '--wait'], { timeout: remaining })
      const word = wait.stdout.trim()
      if (word === 'running' || word === 'degraded') return word
    }
    const why = this.isOn() ? `did not boot within ${timeout / 1000} s` : 'went off'
    throw new Error(`the router's virtual machine ${why}; its console: ${this.consoleTail()}`)
  }

  consoleTail(): string {
    return this.#console().trim().split('\n').slice(-15).join('\n')
  }

  #console(): string {
    try {
      return readFileSync(this.#emulator.console, 'utf8')
    } catch {
      return '(nothing)'
    }
  }

  /** As RouterMachine.restart: the kernel is new too, so nothing of before is left but the disk. */
  async restart(options: RestartOptions & VmOptions = {}): Promise<string> {
    const { how = 'reboot', disk = 'keep' } = options
    if (how === 'reboot' && disk === 'keep' && this.isOn()) {
      await this.exec(['systemctl', 'reboot'])
      await this.#emulator.ended(180_000)
    }
    await this.powerOff()
    if (disk === 'new') await rm(join(this.#emulator.folder, 'disk.qcow2'), { force: true })
    await this.start(options.parameters)
    return this.booted()
  }

  /**
   * Cuts the power. What the machine flushed is on its disk. Of what it wrote and did not flush, blocks that it wrote for
   * the first time since its disk was made are lost, and others are there: a disk with a cache of its own, which had
   * written a part of it, leaves as much and as little.
   */
  async powerOff(): Promise<void> {
    await this.#emulator.kill()
    for (const { near } of ROUTER_CABLES) {
      await this.#inRoot('sh', '-c', CARRIER_GOES, 'down', near.port, `br-${tapOf(near.port)}`)
    }
  }

  /** Gives one of its ports a carrier, or takes it. */
  setCarrier(port: string, up: boolean): Promise<void> {
    return this.#emulator.setLink(tapOf(port), up)
  }

  async #inRoot(...argv: string[]): Promise<void> {
    await runOk([...enterRoot(this.#state.root), ...argv])
  }
}

/** The far end of a cable sees that the machine is off, where no other machine is between. */
const CARRIER_GOES = 'ip -o link show dev "$1" | grep -qF " master $2 " && ip link set dev "$1" down || :'

/** The tap that a port of the router's virtual machine is. */
export function tapOf(port: string): string {
  return `vm-${port}`
}
