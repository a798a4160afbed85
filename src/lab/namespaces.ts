import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { childrenOf } from '../lib/process-tree.ts'
import { runOk } from '../lib/run.ts'
import { createCgroups } from './cgroup.ts'
import type { Places } from './places.ts'
import { identify, type ProcessId } from './process-id.ts'

export const script = (name: string) => join(import.meta.dirname, name)

export interface LabRoot {
  readonly root: ProcessId
  readonly parent: ProcessId
  readonly machineCgroups: readonly string[]
  /** Lets the lab outlive this process; until then it ends when this process does, however that happens. */
  readonly stay: () => void
}

/** Starts the lab's process 1 in new process, mount and network namespaces and cgroups of its own. */
export async function startRoot(places: Places): Promise<LabRoot> {
  const cgroups = await createCgroups(places.id)
  const unshare = [
    'unshare',
    '--pid',
    '--mount',
    '--net',
    '--fork',
    '--kill-child',
    '--mount-proc',
    '--propagation=slave',
  ]
  const child = spawn(
    'bash',
    [
      '-c',
      'set -e; while [ "$1" != -- ]; do echo $$ >"$1"; shift; done; shift; exec "$@"',
      'sekisho-lab',
      ...cgroups.lab,
      '--',
      ...unshare,
      'bash',
      script('root.sh'),
    ],
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  )
  child.stdin.on('error', () => {})
  await firstLine(child)
  const parent = child.pid === undefined ? undefined : identify(child.pid)
  const first = child.pid === undefined ? undefined : childrenOf(child.pid)[0]
  const root = first === undefined ? undefined : identify(first)
  if (parent === undefined || root === undefined) throw new Error('the lab ended as soon as it began')
  return {
    root,
    parent,
    machineCgroups: cgroups.machine,
    stay() {
      child.stdin.end('stay\n')
      child.stdout.destroy()
      child.stderr.destroy()
      child.unref()
    },
  }
}

function firstLine(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', (data) => {
      said += data
    })
    child.on('error', reject)
    child.on('close', (code) =>
      reject(new Error(`the lab's namespaces cannot be made (code ${code}): ${said}`)),
    )
    if (child.stdout !== null) createInterface({ input: child.stdout }).once('line', () => resolve())
  })
}

/** nsenter's arguments to enter the lab's own namespaces, where cables and machines are made. */
export function enterRoot(root: ProcessId): string[] {
  return ['nsenter', `--target=${root.pid}`, '--pid', '--mount', '--net', '--']
}

/** The same for a process that stays in the building machine's network, and ends with the lab like any other of its. */
export function enterRootButItsNetwork(root: ProcessId): string[] {
  return enterRoot(root).filter((argument) => argument !== '--net')
}

/** nsenter's arguments to enter every namespace of a process that the lab numbers `inner`. */
export function enterProcess(root: ProcessId, inner: number): string[] {
  const kinds = ['pid', 'mnt', 'net', 'uts', 'ipc', 'cgroup']
  const files = kinds.map((kind) => {
    const option = kind === 'mnt' ? 'mount' : kind
    return `--${option}=/proc/${root.pid}/root/proc/${inner}/ns/${kind}`
  })
  return ['nsenter', ...files, '--']
}

/** Starts a simple host: its namespaces and its tree. Returns its process number within the lab. */
export async function startHost(root: ProcessId, name: string, tree: string, log: string): Promise<number> {
  const command = ['unshare', '--net', '--mount', '--uts', 'bash', script('host.sh'), name, tree]
  return startInRoot(root, log, command)
}

/** Starts the router machine over its disk; it reads its process number from `<disk>/machine.pid`. */
export async function startMachine(options: {
  readonly root: ProcessId
  readonly disk: string
  readonly tree: string
  readonly cgroups: readonly string[]
  /** The port, its name in the machine, and its MAC address. */
  readonly cables: readonly { readonly port: string; readonly name: string; readonly mac: string }[]
  readonly log: string
}): Promise<number> {
  const cables = options.cables.map(({ port, name, mac }) => `${port}=${name}=${mac}`)
  const files = options.cgroups
  const command = ['bash', script('machine.sh'), options.disk, options.tree, ...files, '--', ...cables]
  return startInRoot(options.root, options.log, command)
}

/** Starts a program in the background of the lab's own namespaces. Returns its number there. */
export async function startInRoot(root: ProcessId, log: string, command: readonly string[]): Promise<number> {
  const line = await runOk([...enterRoot(root), 'bash', script('service.sh'), log, ...command])
  return Number(line.trim())
}

/** Starts a service in the background of a host; it is the lab's until the host ends. Returns its number. */
export async function startService(
  root: ProcessId,
  host: number,
  log: string,
  command: readonly string[],
): Promise<number> {
  const background = 'log=$1; shift; setsid "$@" </dev/null >>"$log" 2>&1 & echo $!'
  const line = await runOk([
    ...enterProcess(root, host),
    'bash',
    '-c',
    background,
    'service',
    log,
    ...command,
  ])
  return Number(line.trim())
}
