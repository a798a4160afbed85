import { join } from 'node:path'
import { DIE_WITH_US, Host, loginCommand } from '../host.ts'
import type { ProcessId } from '../process-id.ts'
import type { HostName } from '../topology.ts'
import { EXEC_PORTS } from './layer.ts'

/** A virtual machine of the lab: commands reach it through its serial ports, whatever its network is like. */
export class VmHost extends Host {
  readonly #folder: string

  constructor(name: HostName | 'bras', root: ProcessId, folder: string) {
    super(name, root, () => {
      throw new Error('a virtual machine is no process of the lab')
    })
    this.#folder = folder
  }

  override command(
    argv: readonly string[],
    options: { readonly env?: Readonly<Record<string, string>> } = {},
  ): string[] {
    const client = [process.execPath, join(import.meta.dirname, 'exec-client.ts')]
    return [
      // When this process is killed, the command is not to stay: the machine sees the client go.
      ...DIE_WITH_US,
      ...client,
      this.#folder,
      String(EXEC_PORTS),
      '--',
      ...loginCommand(argv, options.env),
    ]
  }

  /** Emulated on a busy machine, what takes a second may take minutes. */
  protected override readonly patienceMs = 600_000
  /** The client hands signals on. */
  protected override readonly interrupts = 'itself'
}
