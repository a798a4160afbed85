import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import type { Places } from '../../../src/lab/places.ts'
import { identify, type ProcessId } from '../../../src/lab/process-id.ts'
import { runOk } from '../../../src/lib/run.ts'

/** Every process that belongs to a lab by its cgroup, its arguments or its environment, but for ourselves. */
export function labProcesses({ id, run, disk }: Places): ProcessId[] {
  const cgroup = new RegExp(`/sekisho-lab-${id}(/|$)`, 'm')
  const mine = (pid: number) =>
    cgroup.test(text(`/proc/${pid}/cgroup`)) ||
    text(`/proc/${pid}/environ`).split('\0').includes(`SEKISHO_LAB=${id}`) ||
    [`${run}/`, `${disk}/`].some((path) => text(`/proc/${pid}/cmdline`).includes(path))
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && mine(pid))
    .flatMap((pid) => identify(pid) ?? [])
}

/** What of one lab is on this machine, in words: processes, cgroups and folders. */
export function labTraces(places: Places): string[] {
  const cgroups = globSync(`/sys/fs/cgroup/{,*/}sekisho-lab-${places.id}`)
  const folders = [places.run, places.disk].filter((path) => existsSync(path))
  const processes = labProcesses(places).map(
    ({ pid }) => `process ${pid}: ${text(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`,
  )
  return [...processes, ...cgroups, ...folders]
}

/** What any lab could leave on the machine itself, as sorted lines. */
export async function machineTraces(): Promise<string[]> {
  const [namespaces, links] = await Promise.all([
    runOk(['ip', 'netns', 'list']),
    runOk(['ip', '-brief', 'link']),
  ])
  const lines = (kind: string, all: string) =>
    all.split('\n').flatMap((line) => (line === '' ? [] : [`${kind} ${line.trim()}`]))
  // Without the numbers of mounts, which the kernel hands out anew.
  const mounts = text('/proc/self/mountinfo').replaceAll(/^\d+ \d+ /gm, '')
  return [...lines('namespace', namespaces), ...lines('link', links), ...lines('mount', mounts)].sort()
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
