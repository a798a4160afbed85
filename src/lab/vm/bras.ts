import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runOk } from '../../lib/run.ts'
import { enterRoot } from '../namespaces.ts'
import type { Places } from '../places.ts'
import type { LabState } from '../state.ts'
import { ROUTER_CABLES } from '../topology.ts'
import { overlayDisk } from './disk.ts'
import { Emulator } from './emulator.ts'
import { SMALL_INIT } from './layer.ts'
import { treeParts } from './parts.ts'
import { VmHost } from './vm-host.ts'
import { tapOf } from './vm-machine.ts'

/** Its ports: `line` to the router's WAN port, `net` to the provider's segment. */
const PORTS = { line: '02:00:5e:60:00:01', net: '02:00:5e:60:00:02' } as const
const WAN_PORT = ROUTER_CABLES[0].near.port
const TAPS = { line: 'bras-line', net: 'bras-net' } as const

/**
 * A small virtual machine in the cable between the router and the provider: the hosts' tree with Debian's kernel, which
 * has PPP, and nothing running in it. While it is on, the router reaches the provider only through it.
 */
export class Bras extends VmHost {
  readonly #state: LabState
  readonly #emulator: Emulator

  constructor(places: Places, state: LabState) {
    const folder = join(places.disk, 'bras')
    super('bras', state.root, folder)
    this.#state = state
    this.#emulator = new Emulator(state, folder)
  }

  isOn(): boolean {
    return this.#emulator.isOn()
  }

  /** Puts it into the cable and switches it on, with a fresh disk; commands work when this resolves. */
  async start(onProgress: (line: string) => void = () => {}): Promise<void> {
    const { disk: base, kernel } = await treeParts('lab-bras', this.#state.trees.hosts, onProgress)
    const { folder } = this.#emulator
    await this.stop()
    await runOk(['mkdir', '-p', folder])
    const disk = join(folder, 'disk.qcow2')
    await overlayDisk(base, disk)
    const cable = join(import.meta.dirname, 'cable.sh')
    // The provider's end of the cable leaves the router's bridge for ours; the router's has our other port instead.
    await this.#inRoot('bash', cable, TAPS.net)
    await this.#inRoot('ip', 'link', 'set', WAN_PORT, 'master', `br-${TAPS.net}`, 'up')
    await this.#inRoot('ip', 'tuntap', 'add', 'dev', TAPS.line, 'mode', 'tap')
    await this.#inRoot('ip', 'link', 'set', TAPS.line, 'master', `br-${tapOf(WAN_PORT)}`, 'up')
    await this.#emulator.start({
      name: 'bras',
      kernel,
      append: [
        `init=${SMALL_INIT}`,
        'lab.host=bras',
        `lab.ports=${Object.entries(PORTS)
          .map(([port, mac]) => `${mac}=${port}`)
          .join(',')}`,
      ],
      disk,
      memoryMib: 384,
      processors: 1,
      ports: Object.entries(PORTS).map(([port, mac]) => ({ tap: TAPS[port as keyof typeof TAPS], mac })),
    })
    for (let i = 0; (await this.exec(['test', '-e', '/sys/class/net/net'])).code !== 0; i += 1) {
      if (i > 100 || !this.isOn()) throw new Error(`${this.#emulator.console} says why bras does not start`)
      await sleep(200)
    }
  }

  /** Switches it off and joins the router with the provider again. */
  async stop(): Promise<void> {
    await this.#emulator.kill()
    await rm(join(this.#emulator.folder, 'disk.qcow2'), { force: true })
    for (const link of [TAPS.line, TAPS.net, `br-${TAPS.net}`]) {
      await this.#inRoot(
        'sh',
        '-c',
        '! ip link show "$1" >/dev/null 2>&1 || ip link delete "$1"',
        'stop',
        link,
      )
    }
    await this.#inRoot('ip', 'link', 'set', WAN_PORT, 'master', `br-${tapOf(WAN_PORT)}`)
  }

  /** Cuts the line (false), as a digger in the street does, or mends it. */
  setLine(up: boolean): Promise<void> {
    return this.#emulator.setLink(TAPS.line, up)
  }

  async #inRoot(...argv: string[]): Promise<void> {
    await runOk([...enterRoot(this.#state.root), ...argv])
  }
}
