import { execFile } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { isIPv4 } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { readWanState } from './wan-state.ts'
import { writeAtomic } from './write-atomic.ts'

const FLUSH = join(import.meta.dirname, 'flush-nat.ts')

/**
 * Ends what is translated to an address that the WAN had before, as soon as it has another. Without any there is
 * nothing to mend: when the same address comes back, connections go on.
 */
export class NatJob {
  readonly #device: string
  readonly #memory: string
  readonly #log: (line: string) => void
  #last: readonly string[] | undefined

  /** `memory` is a file that lives as long as the kernel's connections do. */
  constructor(device: string, memory: string, log: (line: string) => void) {
    this.#device = device
    this.#memory = memory
    this.#log = log
  }

  async run(): Promise<void> {
    this.#last ??= parse(await readFile(this.#memory, 'utf8').catch(() => ''))
    const now = readWanState(this.#device).addresses.filter((address) => isIPv4(address))
    if (now.length === 0 || now.join() === this.#last.join()) return
    const gone = this.#last.filter((address) => !now.includes(address))
    if (gone.length > 0) {
      const { stdout } = await promisify(execFile)(process.execPath, [FLUSH, ...gone], { timeout: 60_000 })
      this.#log(
        `wan: address ${now.join(' ')} instead of ${gone.join(' ')}: ended ${stdout.trim()} stale connections`,
      )
    }
    await mkdir(dirname(this.#memory), { recursive: true })
    await writeAtomic(this.#memory, `${JSON.stringify(now)}\n`)
    this.#last = now
  }
}

function parse(text: string): string[] {
  try {
    const list: unknown = JSON.parse(text)
    return Array.isArray(list) ? list.filter((item) => typeof item === 'string' && isIPv4(item)) : []
  } catch {
    return []
  }
}
