import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Places } from './places.ts'
import type { ProcessId } from './process-id.ts'
import type { SimpleHost } from './topology.ts'
import type { Kernel } from './vm/kernel.ts'

export interface VmParts {
  readonly disk: string
  readonly kernel: Kernel
  /** The provider's signed zones, when the disk's router trusts their keys already: an archive of /srv/dns. */
  readonly zones?: string
}

/** What `lab up` leaves for later commands; process numbers inside are those of the lab's own namespace. */
export interface LabState {
  readonly version: 1
  readonly checkout: string
  /** Process 1 of the lab, as the building machine numbers it. */
  readonly root: ProcessId
  /** unshare(1), its parent. */
  readonly parent: ProcessId
  /** What the running lab was made from: another recipe means another lab. */
  readonly recipe: string
  readonly trees: { readonly router: string; readonly hosts: string }
  /** Files to write a pid into, so that the router machine gets its own cgroups. */
  readonly machineCgroups: readonly string[]
  /** When the router is a virtual machine: the disk that its own begins as, and its kernel. */
  readonly vm?: VmParts
  readonly hosts: Readonly<Partial<Record<SimpleHost, number>>>
  /** Content hash of the bundle installed on the router, when it is. */
  readonly bundle?: string
}

export async function readState(places: Places): Promise<LabState | undefined> {
  try {
    const state: LabState = JSON.parse(await readFile(join(places.run, 'state.json'), 'utf8'))
    return state.version === 1 ? state : undefined
  } catch {
    // None, or half of one from before a crash: either way no lab to speak of.
    return undefined
  }
}

export async function writeState(places: Places, state: LabState): Promise<void> {
  await mkdir(places.run, { recursive: true, mode: 0o700 })
  const path = join(places.run, 'state.json')
  await writeFile(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`)
  await rename(`${path}.new`, path)
}
