import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOk } from '../lib/run.ts'
import { setUpAttacker, startClient } from './clients.ts'
import type { TrustFiles } from './dns-servers.ts'
import { setUpIsp } from './isp.ts'
import { Lab } from './lab.ts'
import { enterRoot, startHost, startRoot } from './namespaces.ts'
import type { Places } from './places.ts'
import { type LabState, writeState } from './state.ts'
import { ATTACKER_CABLE, CLIENTS, ROUTER_CABLES, SIMPLE_HOSTS, type SimpleHost } from './topology.ts'

/** Starts the lab's namespaces and the simple hosts, and joins them with cables; no service runs yet. */
export async function buildNamespaces(
  places: Places,
  recipe: string,
  made: Pick<LabState, 'trees' | 'vm'>,
): Promise<{ lab: Lab; stay: () => void }> {
  await mkdir(places.disk, { recursive: true, mode: 0o700 })
  const { root, parent, machineCgroups, stay } = await startRoot(places)
  let state: LabState = {
    version: 1,
    checkout: places.checkout,
    root,
    parent,
    recipe,
    ...made,
    machineCgroups,
    hosts: {},
  }
  // Written at once, so that a crash from here on leaves something to clean up by.
  await writeState(places, state)
  const numbers: Partial<Record<SimpleHost, number>> = {}
  for (const name of SIMPLE_HOSTS) {
    numbers[name] = await startHost(root, name, made.trees.hosts, join(places.disk, `${name}.log`))
  }
  for (const name of SIMPLE_HOSTS)
    await waitForTree(state, numbers[name] ?? 0, join(places.disk, `${name}.log`))
  const enter = enterRoot(root)
  for (const { near, far } of [...ROUTER_CABLES, ATTACKER_CABLE]) {
    // The router's ports wait in the lab's own namespace until the machine is on.
    const place = near.host === 'router' ? [] : ['netns', String(numbers[near.host])]
    await runOk([
      ...enter,
      ...`ip link add name ${near.port} address ${near.mac}`.split(' '),
      ...place,
      ...`type veth peer name ${far.port} address ${far.mac} netns ${numbers[far.host]}`.split(' '),
    ])
  }
  state = { ...state, hosts: numbers }
  await writeState(places, state)
  return { lab: new Lab(places, state), stay }
}

/** Gives the provider, the attacker and the clients their life. Returns the signed root's trust anchor and hints. */
export async function startHosts(lab: Lab): Promise<TrustFiles> {
  const trust = await setUpIsp(lab.isp, lab.state.vm?.zones)
  await setUpAttacker(lab.attacker)
  for (const name of CLIENTS) await startClient(lab.host(name), lab.state.root, lab.state.hosts[name] ?? 0)
  return trust
}

/** A host is ready when it runs sleep(1) in its own tree. */
export async function waitForTree(
  state: Pick<LabState, 'root'>,
  process: number,
  log: string,
): Promise<void> {
  for (let i = 0; i < 200; i += 1) {
    const command = await readFile(`/proc/${state.root.pid}/root/proc/${process}/cmdline`, 'utf8').catch(
      () => 'gone',
    )
    if (command.startsWith('sleep')) return
    if (command === 'gone') break
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`a host of the lab did not start: ${await readFile(log, 'utf8').catch(() => '')}`)
}
