import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Two network namespaces with a cable between them: "router" has lan0, "laptop" has eth0. */
export class Cable {
  readonly #names: Readonly<Record<'router' | 'laptop', string>>
  readonly #children = new Set<ChildProcess>()

  private constructor(name: string) {
    this.#names = { router: `${name}-r`, laptop: `${name}-l` }
  }

  static async open(): Promise<Cable> {
    const cable = new Cable(`watch${process.pid}`)
    for (const name of Object.values(cable.#names)) await run('ip', ['netns', 'add', name])
    await cable.in('router', 'ip', ['link', 'set', 'lo', 'up'])
    await cable.plug()
    return cable
  }

  /** Makes both ends, with addresses 10.0.0.1 and fd01::1, 10.0.0.2 and fd01::2. */
  async plug(): Promise<void> {
    const { router, laptop } = this.#names
    await run('ip', ['-n', router, 'link', 'add', 'lan0', 'type', 'veth', 'peer', 'eth0', 'netns', laptop])
    for (const [place, device, host] of [
      ['router', 'lan0', 1],
      ['laptop', 'eth0', 2],
    ] as const) {
      await this.in(place, 'ip', ['link', 'set', device, 'up'])
      await this.in(place, 'ip', ['address', 'add', `10.0.0.${host}/24`, 'dev', device])
      await this.in(place, 'ip', ['address', 'add', `fd01::${host}/64`, 'dev', device, 'nodad'])
    }
  }

  async unplug(): Promise<void> {
    await this.in('router', 'ip', ['link', 'del', 'lan0'])
  }

  async in(
    place: 'router' | 'laptop',
    program: string,
    args: readonly string[],
    input = '',
  ): Promise<string> {
    const running = run('nsenter', [`--net=/run/netns/${this.#names[place]}`, program, ...args])
    running.child.stdin?.end(input)
    return (await running).stdout
  }

  /** Starts a program that is killed at the end, if it still runs. */
  spawn(place: 'router' | 'laptop', program: string, args: readonly string[]): ChildProcess {
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
