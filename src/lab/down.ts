import { existsSync } from 'node:fs'
import { rm, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { withFileLock } from '../lib/file-lock.ts'
import { removeCgroups } from './cgroup.ts'
import type { Places } from './places.ts'
import { isAlive } from './process-id.ts'
import { readState } from './state.ts'

/** Ends the lab and removes all of it, also what a crash left. Returns whether there was anything. */
export function down(places: Places): Promise<boolean> {
  return withFileLock(places.lock, () => removeLab(places))
}

/** As `down`, for a caller that holds the lab's lock. */
export async function removeLab(places: Places): Promise<boolean> {
  const state = await readState(places)
  const existed = existsSync(places.run) || existsSync(places.disk)
  if (state !== undefined) {
    // With process 1 go all processes of its namespace, and with them every mount, cable and namespace.
    for (const process of [state.root, state.parent]) {
      if (isAlive(process)) kill(process.pid)
    }
    for (let i = 0; i < 300 && (isAlive(state.root) || isAlive(state.parent)); i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    if (isAlive(state.root)) throw new Error(`process ${state.root.pid} of lab ${places.id} does not end`)
  }
  await removeCgroups(places.id)
  await rm(places.disk, { recursive: true, force: true })
  await rm(places.run, { recursive: true, force: true })
  // Folders shared with other labs go with the last of them.
  for (const folder of [dirname(places.disk), dirname(places.run)]) await rmdir(folder).catch(() => {})
  return existed
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended in between.
  }
}
