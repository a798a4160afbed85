import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOk } from '../lib/run.ts'
import { cableOf, renewClient } from './clients.ts'
import { Host } from './host.ts'
import { Isp } from './isp.ts'
import { enterRoot } from './namespaces.ts'
import { labPlaces, type Places } from './places.ts'
import { isAlive } from './process-id.ts'
import { type RestartOptions, RouterMachine } from './router-machine.ts'
import { type LabState, readState } from './state.ts'
import { type Client, type HostName, ROUTER_CABLES, type SimpleHost, WAN } from './topology.ts'
import { VmMachine } from './vm/vm-machine.ts'

/** A running lab. Nothing here starts or ends it: see up.ts and down.ts. */
export class Lab {
  readonly places: Places
  readonly state: LabState
  readonly router: RouterMachine | VmMachine
  readonly isp: Isp
  readonly attacker: Host
  readonly laptop: Host
  readonly phone: Host
  readonly guest1: Host

  constructor(places: Places, state: LabState) {
    this.places = places
    this.state = state
    this.router =
      state.vm === undefined ? new RouterMachine(places, state) : new VmMachine(places, state, state.vm)
    this.isp = new Isp(state.root, processOf(state, 'isp'))
    const simple = (name: SimpleHost) => {
      const process = processOf(state, name)
      return new Host(name, state.root, () => process)
    }
    this.attacker = simple('attacker')
    this.laptop = simple('laptop')
    this.phone = simple('phone')
    this.guest1 = simple('guest1')
  }

  host(name: HostName): Host {
    return this[name]
  }

  /** Pulls the cable between the router and a client, or the provider: the router's port loses its carrier. */
  async unplug(name: Client | 'isp'): Promise<void> {
    const { near, far } = cableOf(name)
    await this.host(name).execOk(['ip', 'link', 'set', far.port, 'down'])
    if (this.router instanceof VmMachine) await this.router.setCarrier(near.port, false)
  }

  async plug(name: Client | 'isp'): Promise<void> {
    const { near, far } = cableOf(name)
    if (this.router instanceof VmMachine) await this.router.setCarrier(near.port, true)
    await this.host(name).execOk(['ip', 'link', 'set', far.port, 'up'])
  }

  /** Makes a client ask for its lease at once instead of at half of its time. */
  renew(name: Client): Promise<void> {
    return renewClient(this.host(name))
  }

  /** Sets the MTU in bytes of both ends of the WAN cable, e.g. 1454 for what PPPoE over NGN leaves. */
  async setWanMtu(mtu: number): Promise<void> {
    await this.isp.execOk(['ip', 'link', 'set', ROUTER_CABLES[0].far.port, 'mtu', String(mtu)])
    await this.isp.execOk(['ip', 'link', 'set', WAN.bridge, 'mtu', String(mtu)])
    await this.router.execOk(['ip', 'link', 'set', ROUTER_CABLES[0].near.port, 'mtu', String(mtu)])
  }

  /** Boots the router machine anew; see RouterMachine.restart. */
  restartRouter(options: RestartOptions = {}): Promise<string> {
    return this.router.restart(options)
  }

  /** The router.yaml that the lab starts with: this checkout's examples/lab.yaml. */
  defaultYaml(): Promise<string> {
    return readFile(join(this.places.checkout, 'examples/lab.yaml'), 'utf8')
  }

  async writeRouterYaml(text: string): Promise<void> {
    await this.router.writeFile('/etc/sekisho/router.yaml', text)
  }

  /** Runs `sekisho apply` on the router, as a user would, and returns its exit code and words. */
  apply(args: readonly string[] = []): ReturnType<Host['exec']> {
    return this.router.exec(['sekisho', 'apply', ...args], { timeout: 900_000 })
  }

  /** Runs a program in the lab's own namespaces, where unplugged router ports lie. */
  runInRoot(argv: readonly string[]): Promise<string> {
    return runOk([...enterRoot(this.state.root), ...argv])
  }

  /** Where the services of a host write what they say: inside its tree, or the router's console. */
  get consoleLog(): string {
    return join(this.places.disk, this.router instanceof VmMachine ? 'vm' : '', 'console.log')
  }
}

function processOf(state: LabState, name: SimpleHost): number {
  const process = state.hosts[name]
  if (process === undefined) throw new Error(`this lab has no ${name}: it is half built`)
  return process
}

/** The lab of this checkout (or $SEKISHO_LAB) when it is up, else undefined. */
export async function findLab(places = labPlaces()): Promise<Lab | undefined> {
  const state = await readState(places)
  if (state === undefined || !isAlive(state.root)) return undefined
  return new Lab(places, state)
}

/** The lab of this checkout; throws with the command to start it when it is not up. */
export async function openLab(places = labPlaces()): Promise<Lab> {
  const lab = await findLab(places)
  if (lab === undefined) throw new Error(`lab ${places.id} is not up. Fix: ./sekisho lab up`)
  return lab
}
