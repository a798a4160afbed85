import { writeSync } from 'node:fs'

const RETRY_MS = 1
const waiting = new Int32Array(new SharedArrayBuffer(4))

/** Waits for whoever reads: there is nothing else to do meanwhile. */
export function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(descriptor, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(waiting, 0, 0, RETRY_MS)
    }
  }
}
