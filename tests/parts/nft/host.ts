import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { packet, type Seen, type Spec } from '../../../src/prove/packet.ts'
import type { Connected, Request } from './agent.ts'

/** A host of the test bed: a process in a network namespace that lives exactly as long as the process. */
export class Host {
  readonly name: string
  readonly pid: number
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #next = 1
  #ended = false

  private constructor(name: string, child: ChildProcess) {
    this.name = name
    this.#child = child
    this.pid = child.pid ?? 0
  }

  /** Starts a host and waits until it listens to us. */
  static async start(name: string): Promise<Host> {
    const child = spawn('unshare', ['--net', process.execPath, join(import.meta.dirname, 'agent.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const host = new Host(name, child)
    const ready = new Promise<unknown>((resolve, reject) => host.#waiting.set(0, { resolve, reject }))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const answer: { id: number; value?: unknown; error?: string } = JSON.parse(line)
      const waiter = host.#waiting.get(answer.id)
      host.#waiting.delete(answer.id)
      if (answer.error === undefined) waiter?.resolve(answer.value)
      else waiter?.reject(new Error(`${name}: ${answer.error}`))
    })
    child.on('exit', () => {
      host.#ended = true
      for (const { reject } of host.#waiting.values()) reject(new Error(`${name} has ended`))
    })
    child.stdin.on('error', () => {})
    await ready
    return host
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended) return resolve()
      this.#child.once('exit', () => resolve())
      this.#child.stdin?.end()
    })
  }

  // The agent answers what its Request types say.
  #ask<T>(request: Request): Promise<T> {
    const id = this.#next++
    return new Promise<T>((resolve, reject) => {
      if (this.#ended) return reject(new Error(`${this.name} has ended`))
      this.#waiting.set(id, { resolve: (value) => resolve(value as T), reject })
      this.#child.stdin?.write(`${JSON.stringify({ id, ...request })}\n`)
    })
  }

  /** Runs a program in the host's network; its output. Throws when it fails. */
  async run(argv: readonly string[], stdin?: string): Promise<string> {
    const { code, stdout, stderr } = await this.try(argv, stdin)
    if (code !== 0) throw new Error(`${this.name}: ${argv.join(' ')}: ${stderr || stdout}`)
    return stdout
  }

  try(argv: readonly string[], stdin?: string): Promise<{ code: number; stdout: string; stderr: string }> {
    return this.#ask({ op: 'run', argv, ...(stdin !== undefined && { stdin }) })
  }

  /** `ip` with several commands at once. */
  ip(...lines: readonly string[]): Promise<string> {
    return this.run(['ip', '-batch', '-'], `${lines.join('\n')}\n`)
  }

  sysctl(settings: Readonly<Record<string, string>>): Promise<null> {
    return this.#ask({ op: 'sysctl', settings })
  }

  async listen(protocol: 'tcp' | 'udp', ...ports: readonly number[]): Promise<void> {
    for (const port of ports) await this.#ask({ op: 'listen', protocol, port })
  }

  /** Opens a TCP connection; the text is the client's address as the server saw it. */
  connect(
    host: string,
    port: number,
    { from, ms = 3000 }: { from?: string; ms?: number } = {},
  ): Promise<Connected> {
    return this.#ask({ op: 'connect', host, port, ms, ...(from !== undefined && { from }) })
  }

  send(host: string, port: number, text: string): Promise<null> {
    return this.#ask({ op: 'send', host, port, text })
  }

  frame(device: string, mac: string, spec: Spec): Promise<null> {
    return this.#ask({ op: 'frame', device, mac, packet: packet(spec).toString('base64') })
  }

  seen(): Promise<readonly Seen[]> {
    return this.#ask({ op: 'seen' })
  }

  heard(): Promise<readonly { from: string; port: number; text: string }[]> {
    return this.#ask({ op: 'heard' })
  }

  record(group: number): Promise<null> {
    return this.#ask({ op: 'record', group })
  }

  nflog(): Promise<readonly string[]> {
    return this.#ask({ op: 'nflog' })
  }
}
