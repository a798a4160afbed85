import { createHash } from 'node:crypto'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runOk } from '../../lib/run.ts'
import type { Kernel } from './kernel.ts'
import { writeLayer } from './layer.ts'

const SIZE = '8G'

export interface DiskContent {
  /** Trees that lie one over the other, the topmost first. */
  readonly trees: readonly string[]
  readonly kernel: Kernel
  /** Further folders, by their places in the tree, which has a folder there. */
  readonly folders?: Readonly<Record<string, string>>
}

/** Makes `<work>/disk.qcow2` with a tree, the kernel's modules and the lab's layer; its zeroes take no room. */
export async function makeDisk(work: string, { trees, kernel, folders = {} }: DiskContent): Promise<void> {
  const layer = join(work, 'layer')
  await mkdir(layer)
  await writeLayer(layer)
  const script = join(import.meta.dirname, 'make-disk.sh')
  const raw = join(work, 'disk.raw')
  const mounts = Object.entries({ 'usr/lib/modules': kernel.modules, ...folders })
  const layers = [layer, ...trees].join(':')
  const places = mounts.map(([place, folder]) => `${folder}=${place}`)
  await runOk(['unshare', '--mount', 'bash', script, layers, work, raw, SIZE, ...places])
  await runOk(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, join(work, 'disk.qcow2')])
  await rm(raw)
  await rm(layer, { recursive: true })
}

/** What a disk is made from, as a name for the cache; `more` is what the caller adds. */
export async function diskHash(content: DiskContent, more: readonly string[] = []): Promise<string> {
  const own = await Promise.all(
    ['exec-agent.pl', 'small-init.sh', 'layer.ts', 'make-disk.sh', '../topology.ts'].map((name) =>
      readFile(join(import.meta.dirname, name), 'utf8'),
    ),
  )
  return createHash('sha256')
    .update(JSON.stringify([content, SIZE, own, more]))
    .digest('hex')
    .slice(0, 16)
}

/**
 * Makes a disk that begins as `base` and keeps what is written. A cluster is a block of ext4: the table that says where
 * a new block lies is written when the machine flushes, so that what it did not flush is lost when qemu is killed.
 */
export async function overlayDisk(base: string, path: string): Promise<void> {
  const options = ['-f', 'qcow2', '-F', 'qcow2', '-o', 'cluster_size=4096']
  await runOk(['qemu-img', 'create', '-q', ...options, '-b', base, path])
}
