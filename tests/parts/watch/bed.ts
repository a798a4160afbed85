import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

const run = promisify(execFile)

type Place = 'router' | 'laptop' | 'server'

/**
 * Network namespaces with cables between them: "router" has lan0 and lan1, "laptop" at the one and "server" at the other
 * have eth0.
 */
export class Cable {
  readonly #names: Readonly<Record<Place, string>>
  readonly #children = new Set<ChildProcess>()

  private constructor(name: string) {
    this.#names = { router: `${name}-r`, laptop: `${name}-l`, server: `${name}-s` }
  }

  static async open(): Promise<Cable> {
    const cable = new Cable(`watch${process.pid}`)
    for (const name of Object.values(cable.#names)) await run('ip', ['netns', 'add', name])
    await cable.in('router', 'ip', ['link', 'set', 'lo', 'up'])
    await cable.plug('laptop')
    await cable.plug('server')
    await cable.in('router', 'sysctl', ['-qw', 'net.ipv4.ip_forward=1'])
    return cable
  }

  /** Makes both ends: the laptop's have 10.0.0.1 and fd01::1, 10.0.0.2 and fd01::2, the server's 10.0.1.1 and so on. */
  async plug(place: 'laptop' | 'server'): Promise<void> {
    const { router, [place]: other } = this.#names
    const [device, net4, net6] =
      place === 'laptop' ? ['lan0', '10.0.0', 'fd01:'] : ['lan1', '10.0.1', 'fd01:0:0:1:']
    await run('ip', ['-n', router, 'link', 'add', device, 'type', 'veth', 'peer', 'eth0', 'netns', other])
    for (const [end, name, host] of [
      ['router', device, 1],
      [place, 'eth0', 2],
    ] as const) {
      await this.in(end, 'ip', ['link', 'set', name, 'up'])
      await this.in(end, 'ip', ['address', 'add', `${net4}.${host}/24`, 'dev', name])
      await this.in(end, 'ip', ['address', 'add', `${net6}:${host}/64`, 'dev', name, 'nodad'])
    }
    await this.in(place, 'ip', ['route', 'add', 'default', 'via', `${net4}.1`])
  }

  /** Takes the router's end away, and with it the other. */
  async unplug(place: 'laptop' | 'server'): Promise<void> {
    await this.in('router', 'ip', ['link', 'del', place === 'laptop' ? 'lan0' : 'lan1'])
  }

  async in(place: Place, program: string, args: readonly string[], input = ''): Promise<string> {
    const running = run('nsenter', [`--net=/run/netns/${this.#names[place]}`, program, ...args])
    // A program that does not read it may be over by now.
    running.child.stdin?.on('error', () => undefined).end(input)
    return (await running).stdout
  }

  /** Starts a program that is killed at the end, if it still runs. */
  spawn(place: Place, program: string, args: readonly string[]): ChildProcess {
    const argv = [`--net=/run/netns/${this.#names[place]}`, program, ...args]
    const child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    return child
  }

  async close(): Promise<void> {
    for (const child of this.#children) {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
    for (const name of Object.values(this.#names)) await run('ip', ['netns', 'del', name])
  }
}
