import { ifIndexToName } from './libc.ts'

const KEEP_MS = 5000
const MAX_KEPT = 4096

/** Names of interfaces by index, looked up in the process's network namespace and kept for a few seconds. */
export class InterfaceNames {
  readonly #known = new Map<number, { readonly name: string; readonly until: number }>()

  /** The name; "if7" for an interface that is gone. */
  nameOf(index: number, now: number = performance.now()): string {
    const known = this.#known.get(index)
    if (known && known.until > now) return known.name
    // IF_NAMESIZE with its NUL.
    const buffer = Buffer.alloc(16)
    const found = ifIndexToName(index, buffer)
    const end = buffer.indexOf(0)
    const name = found && end > 0 ? buffer.toString('utf8', 0, end) : (known?.name ?? `if${index}`)
    if (this.#known.size >= MAX_KEPT) this.#known.clear()
    this.#known.set(index, { name, until: now + KEEP_MS })
    return name
  }
}
