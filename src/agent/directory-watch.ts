import { type FSWatcher, watch } from 'node:fs'
import { stat } from 'node:fs/promises'

/**
 * Tells of changes in a directory that may not exist yet, or be removed and made again. It only makes things
 * quicker: whoever uses it polls as well, and calls `ensure` when doing so.
 */
export class DirectoryWatch {
  readonly #path: string
  readonly #onChange: () => void
  #watcher: FSWatcher | undefined
  #inode = 0
  #closed = false

  constructor(path: string, onChange: () => void) {
    this.#path = path
    this.#onChange = onChange
  }

  /** (Re)starts watching when the directory has appeared or is another one than before; never throws. */
  async ensure(): Promise<void> {
    const inode = await stat(this.#path).then(
      (found) => found.ino,
      () => 0,
    )
    if (inode === this.#inode && (this.#watcher !== undefined || inode === 0)) return
    this.#stop()
    if (inode === 0 || this.#closed) return
    try {
      const watcher = watch(this.#path, { persistent: false }, () => this.#onChange())
      watcher.on('error', () => this.#stop())
      this.#watcher = watcher
      this.#inode = inode
      this.#onChange()
    } catch {
      // No inotify instance left, or gone again: polling goes on.
    }
  }

  close(): void {
    this.#closed = true
    this.#stop()
  }

  #stop(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    this.#inode = 0
  }
}
