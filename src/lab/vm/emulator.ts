import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runOk } from '../../lib/run.ts'
import { enterRoot, startInRoot } from '../namespaces.ts'
import type { LabState } from '../state.ts'
import { type QemuOptions, qemuCommand } from './qemu.ts'
import { qmp } from './qmp.ts'

/** One qemu of the lab, as a thing to switch on and off. Its folder says all about it: any process may hold one. */
export class Emulator {
  readonly folder: string
  readonly #state: LabState

  constructor(state: LabState, folder: string) {
    this.#state = state
    this.folder = folder
  }

  /** Its process, as the lab numbers it; undefined while it is off. */
  #pid(): number | undefined {
    try {
      const pid = Number(readFileSync(join(this.folder, 'qemu.pid'), 'utf8'))
      const command = readFileSync(`/proc/${this.#state.root.pid}/root/proc/${pid}/cmdline`, 'utf8')
      return command.includes(`${this.folder}/`) ? pid : undefined
    } catch {
      return undefined
    }
  }

  isOn(): boolean {
    return this.#pid() !== undefined
  }

  /** Switches it on; its process runs and its sockets are there when this resolves. */
  async start(options: Omit<QemuOptions, 'folder'>): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    await rm(join(this.folder, 'qmp'), { force: true })
    const script = join(import.meta.dirname, 'qemu.sh')
    const command = qemuCommand({ ...options, folder: this.folder })
    const log = join(this.folder, 'qemu.log')
    await startInRoot(this.#state.root, log, [
      'bash',
      script,
      this.folder,
      ...this.#state.machineCgroups,
      '--',
      ...command,
    ])
    for (let i = 0; i < 600; i += 1) {
      await sleep(50)
      if (existsSync(join(this.folder, 'qmp'))) return
    }
    throw new Error(
      `qemu did not start: ${readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n')}`,
    )
  }

  /** Kills it, and resolves when it is gone: what the machine did not flush is lost, as in a power cut. */
  async kill(): Promise<void> {
    const pid = this.#pid()
    if (pid !== undefined) await runOk([...enterRoot(this.#state.root), 'kill', '-KILL', String(pid)])
    await this.ended(30_000)
  }

  /** Resolves when it is off; throws when that takes longer, in milliseconds. */
  async ended(timeout: number): Promise<void> {
    for (const end = Date.now() + timeout; this.isOn(); await sleep(50)) {
      if (Date.now() > end) throw new Error(`waited ${timeout / 1000} s for a virtual machine to end`)
    }
  }

  /** Gives a port its carrier, or takes it. */
  async setLink(tap: string, up: boolean): Promise<void> {
    if (this.isOn()) await qmp(join(this.folder, 'qmp'), 'set_link', { name: tap, up })
  }

  get console(): string {
    return join(this.folder, 'console.log')
  }
}
