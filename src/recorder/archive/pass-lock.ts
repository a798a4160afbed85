import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import koffi from 'koffi'
import { stateDirectory } from '../layout.ts'

const LOCK_EX = 2
const LOCK_NB = 4

/**
 * Takes the lock that a pass holds while it runs, for the rest of the process's life; false when another has it. A pass may
 * outlive a main process that was killed.
 */
export async function lockPass(data: string): Promise<boolean> {
  await mkdir(stateDirectory(data), { recursive: true, mode: 0o750 })
  // Never closed: the kernel drops the lock with the process.
  const file = await open(join(stateDirectory(data), 'archive.lock'), 'a', 0o640)
  const flock: (fd: number, operation: number) => number = koffi
    .load('libc.so.6')
    .func('int flock(int fd, int operation)')
  kept.push(file)
  return flock(file.fd, LOCK_EX | LOCK_NB) === 0
}

/** A handle that is collected is closed. */
const kept: object[] = []
