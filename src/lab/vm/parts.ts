import { ensurePackages } from '../../build/debian.ts'
import type { VmParts } from '../state.ts'
import { treeDisk } from './disk.ts'
import { debianKernel } from './kernel.ts'

const TOOLS = ['qemu-system-x86', 'qemu-utils', 'e2fsprogs']

/** What a virtual machine with this tree is made of; built or fetched where it is missing. */
export async function vmParts(tree: string, onProgress: (line: string) => void): Promise<VmParts> {
  if (process.arch !== 'x64')
    throw new Error(
      `the virtual machine is an x86-64 one and this machine is ${process.arch}. Fix: use sekisho lab up`,
    )
  await ensurePackages(TOOLS, onProgress)
  const kernel = await debianKernel(onProgress)
  return { kernel, disk: await treeDisk(tree, kernel, onProgress) }
}
