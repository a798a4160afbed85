import { createHash } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from '../../build/cache.ts'
import { runOk } from '../../lib/run.ts'
import type { Kernel } from './kernel.ts'
import { writeLayer } from './layer.ts'

const SIZE = '8G'

/** A disk with this tree, the kernel's modules and the lab's layer, made once per content; returns its path. */
export async function treeDisk(
  tree: string,
  kernel: Kernel,
  onProgress?: (line: string) => void,
): Promise<string> {
  const own = await ownFiles()
  const hash = createHash('sha256').update(JSON.stringify([tree, kernel, SIZE, own]))
  const entry = await cached(
    'lab-disk',
    hash.digest('hex').slice(0, 16),
    async (work) => {
      onProgress?.('making the disk of a virtual machine (once)')
      const layer = join(work, 'layer')
      await mkdir(layer)
      await writeLayer(layer)
      const script = join(import.meta.dirname, 'make-disk.sh')
      const raw = join(work, 'disk.raw')
      await runOk(['unshare', '--mount', 'bash', script, tree, layer, kernel.modules, work, raw, SIZE])
      await flatten(raw, 'raw', join(work, 'disk.qcow2'))
      await rm(raw)
      await rm(layer, { recursive: true })
    },
    // That of the router and that of a small machine, and one of each before.
    { keep: 4, ...(onProgress && { onWait: () => onProgress('waiting for another maker of the same disk') }) },
  )
  return join(entry, 'disk.qcow2')
}

/** Copies a disk with all that it is based on into one file, without its zeroes. */
export async function flatten(from: string, format: 'raw' | 'qcow2', to: string): Promise<void> {
  await runOk(['qemu-img', 'convert', '-f', format, '-O', 'qcow2', from, to])
}

/**
 * Makes a disk that begins as `base` and keeps what is written. A cluster is a block of ext4: the table that says where
 * a new block lies is written when the machine flushes, so that what it did not flush is lost when qemu is killed.
 */
export async function overlayDisk(base: string, path: string): Promise<void> {
  const options = ['-f', 'qcow2', '-F', 'qcow2', '-o', 'cluster_size=4096']
  await runOk(['qemu-img', 'create', '-q', ...options, '-b', base, path])
}

/** This folder's sources: they say what a disk has on it. */
async function ownFiles(): Promise<string[]> {
  const names = ['exec-agent.pl', 'small-init.sh', 'layer.ts', 'make-disk.sh', '../topology.ts']
  return Promise.all(names.map((name) => readFile(join(import.meta.dirname, name), 'utf8')))
}
