import { readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run, runOk } from '../../lib/run.ts'
import { waitForTree } from '../build-lab.ts'
import { startClient } from '../clients.ts'
import { Host } from '../host.ts'
import type { Lab } from '../lab.ts'
import { enterRoot, startHost } from '../namespaces.ts'

/*
 * More devices of the household than the lab has, for as long as there is traffic: each a host like the others, plugged into a
 * switch at the laptop's cable (a macvlan is one).
 */

/** MAC addresses of the documentation (RFC 7042 section 2.1.2): unlike the lab's own, they say who made the device. */
const EXTRA = {
  tv: '00:00:5e:00:53:01',
  camera: '00:00:5e:00:53:02',
  sensor: '00:00:5e:00:53:03',
} as const
type ExtraDevice = keyof typeof EXTRA

const NAMES = Object.keys(EXTRA) as ExtraDevice[]

/** Plugs them in; they have asked for their leases when this resolves. Those of a run that was killed go first. */
export async function plugDevices(lab: Lab): Promise<Readonly<Record<ExtraDevice, Host>>> {
  await unplugDevices(lab)
  await run(['modprobe', '--quiet', 'macvlan']).catch(() => undefined)
  const numbers: Partial<Record<ExtraDevice, number>> = {}
  for (const name of NAMES) {
    const log = join(lab.places.disk, `${name}.log`)
    await writeFile(log, '')
    numbers[name] = await startHost(lab.state.root, name, lab.state.trees.hosts, log)
    // At once, so that a crash leaves something to clean up by.
    await writeFile(fileOf(lab), JSON.stringify(numbers))
  }
  const hosts = Object.entries(numbers).map(([name, number]) => [name, number] as const)
  const plugged: Record<string, Host> = {}
  for (const [name, number] of hosts) {
    await waitForTree(lab.state, number, join(lab.places.disk, `${name}.log`))
    await plugIn(lab, name as ExtraDevice, number)
    const host = new Host(name as ExtraDevice, lab.state.root, () => number)
    await startClient(host, lab.state.root, number)
    plugged[name] = host
  }
  return plugged as Record<ExtraDevice, Host>
}

/** A macvlan of the laptop's port, moved into the device. */
async function plugIn(lab: Lab, name: ExtraDevice, number: number): Promise<void> {
  const namespace = (process: number | undefined) => `--net=/proc/${process}/ns/net`
  const inRoot = enterRoot(lab.state.root)
  const { laptop } = lab.state.hosts
  const link = `link add link eth0 name ${name} address ${EXTRA[name]} type macvlan mode bridge`
  await runOk([...inRoot, 'nsenter', namespace(laptop), 'ip', ...link.split(' ')])
  const move = ['ip', 'link', 'set', name, 'netns', String(number), 'name', 'eth0']
  await runOk([...inRoot, 'nsenter', namespace(laptop), ...move])
}

/** Ends them, with everything that runs in them and their ports. */
export async function unplugDevices(lab: Lab): Promise<void> {
  const numbers = await readNumbers(lab)
  const { root } = lab.state
  for (const [name, number] of Object.entries(numbers)) {
    // Numbers come again: the process must still be the host.
    const own = (pid: string) => `/proc/${root.pid}/root/proc/${pid}`
    const hostname = await run([...enterRoot(root), 'nsenter', `--uts=/proc/${number}/ns/uts`, 'hostname'])
    if (hostname.stdout.trim() !== name) continue
    const namespace = await link(`${own(String(number))}/ns/net`)
    for (const pid of await pids(root.pid)) {
      if (namespace === undefined || (await link(`${own(pid)}/ns/net`)) !== namespace) continue
      await run([...enterRoot(root), 'kill', '-KILL', pid])
    }
    await rm(join(`/proc/${root.pid}/root/run/hosts`, name), { recursive: true, force: true })
  }
  await rm(fileOf(lab), { force: true })
}

async function readNumbers(lab: Lab): Promise<Readonly<Record<string, number>>> {
  try {
    return JSON.parse(await readFile(fileOf(lab), 'utf8')) as Record<string, number>
  } catch {
    return {}
  }
}

function fileOf(lab: Lab): string {
  return join(lab.places.run, 'traffic.json')
}

async function pids(root: number): Promise<string[]> {
  return (await readdir(`/proc/${root}/root/proc`)).filter((name) => /^\d+$/.test(name))
}

async function link(path: string): Promise<string | undefined> {
  return readlink(path).catch(() => undefined)
}
