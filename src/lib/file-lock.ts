import { spawn } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Runs `work` while holding an exclusive flock(2) on `path`, which is created. A second holder waits. The lock is
 * held by a child that ends when our end of its pipe closes, so the kernel lets go of it even after SIGKILL.
 */
export async function withFileLock<T>(
  path: string,
  work: () => Promise<T>,
  options: { readonly onWait?: () => void } = {},
): Promise<T> {
  await mkdir(dirname(path), { recursive: true })
  const holder = spawn('flock', ['--exclusive', path, 'sh', '-c', 'echo locked; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // Its own process group: Ctrl-C must not release the lock while we still clean up.
    detached: true,
  })
  holder.stdin.on('error', () => {})
  const waiting = setTimeout(() => options.onWait?.(), 500)
  const exited = new Promise<void>((resolve) => holder.on('close', () => resolve()))
  try {
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once('data', () => resolve())
      holder.once('error', reject)
      holder.once('close', (code) => reject(new Error(`flock ${path} ended with code ${code}`)))
    })
  } finally {
    clearTimeout(waiting)
  }
  try {
    return await work()
  } finally {
    holder.stdin.end()
    await exited
  }
}
