import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/*
 * The lab's processes live in cgroups of their own, so that the router machine's systemd and Docker make theirs
 * below and never beside those of the building machine. Both layouts are handled: one unified tree, or one tree
 * per controller.
 */

/** The lab's cgroup directories, `<tree>/sekisho-lab-<id>`, existing or not. */
async function labCgroups(id: string): Promise<string[]> {
  const base = '/sys/fs/cgroup'
  const name = `sekisho-lab-${id}`
  if (existsSync(join(base, 'cgroup.controllers'))) return [join(base, name)]
  const trees = await readdir(base, { withFileTypes: true }).catch(() => [])
  // Links such as `cpu` are other names of one tree.
  return trees.filter((tree) => tree.isDirectory()).map((tree) => join(base, tree.name, name))
}

/**
 * Makes the lab's cgroups and returns the two files sets into which a process writes its pid: one for the lab's
 * own processes, one for the router machine (cgroup v2 allows no processes in an inner node).
 */
export async function createCgroups(id: string): Promise<{ lab: string[]; machine: string[] }> {
  const lab: string[] = []
  const machine: string[] = []
  for (const directory of await labCgroups(id)) {
    await mkdir(directory, { recursive: true })
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      const parent = join(directory, '..', file)
      // On v1 a cpuset takes no process until it has processors and memory.
      if (
        existsSync(parent) &&
        existsSync(join(directory, file)) &&
        !existsSync(join(directory, 'cgroup.type'))
      ) {
        await writeFile(join(directory, file), await readFile(parent))
      }
    }
    if (existsSync('/sys/fs/cgroup/cgroup.controllers')) {
      for (const leaf of ['lab', 'machine']) await mkdir(join(directory, leaf), { recursive: true })
      await delegate(join(directory, '..'))
      await delegate(directory)
      lab.push(join(directory, 'lab/cgroup.procs'))
      machine.push(join(directory, 'machine/cgroup.procs'))
    } else {
      lab.push(join(directory, 'cgroup.procs'))
      machine.push(join(directory, 'cgroup.procs'))
    }
  }
  return { lab, machine }
}

/** From now on a lab gets a fifth of a processor that one other wants too, and all that the others leave. */
export async function giveWay(id: string): Promise<void> {
  // A quarter of what is given where nobody says anything, in the units of cgroup v2 and v1.
  const weights = { 'cpu.weight': '25', 'cpu.shares': '256' }
  for (const directory of await labCgroups(id))
    for (const [file, weight] of Object.entries(weights))
      if (existsSync(join(directory, file))) await writeFile(join(directory, file), weight)
}

/** Hands every controller this cgroup has to its children; one that cannot be handed on is left out. */
async function delegate(directory: string): Promise<void> {
  const controllers = (await readFile(join(directory, 'cgroup.controllers'), 'utf8')).trim().split(' ')
  for (const controller of controllers.filter((name) => name !== '')) {
    await writeFile(join(directory, 'cgroup.subtree_control'), `+${controller}`).catch(() => {})
  }
}

/** Removes the lab's cgroups; they must be empty of processes, which takes the kernel a moment after a kill. */
export async function removeCgroups(id: string): Promise<void> {
  for (const directory of await labCgroups(id)) {
    for (let attempt = 0; existsSync(directory) && attempt < 50; attempt += 1) {
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, 100))
      await walk(directory, (path) => rmdir(path).catch(() => {}))
    }
  }
}

/** Children first. */
async function walk(directory: string, visit: (path: string) => Promise<void>): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) if (entry.isDirectory()) await walk(join(directory, entry.name), visit)
  if (existsSync(directory)) await visit(directory)
}
