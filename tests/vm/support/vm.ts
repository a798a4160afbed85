import { type Lab, openLab } from '../../../src/lab/lab.ts'
import type { Client } from '../../../src/lab/topology.ts'
import { hold } from '../../../src/lab/verify.ts'
import { VmMachine } from '../../../src/lab/vm/vm-machine.ts'
import { SERVICES } from '../../lab/support/router-yaml.ts'

/** Nothing here measures time: emulated on a busy machine, all takes as long as it takes. */
export const PATIENCE_MS = 600_000

/** The lab with the virtual router; throws when the lab that is up has another. */
export async function openVm(): Promise<{ readonly lab: Lab; readonly router: VmMachine }> {
  const lab = await openLab()
  const { router } = lab
  if (!(router instanceof VmMachine)) throw new Error('this lab has a router in a container')
  return { lab, router }
}

function until(what: string, run: () => Promise<string>): Promise<string> {
  return hold({ what, patience: PATIENCE_MS, run })
}

/** Waits until every container says that it is healthy. */
export async function untilHealthy({ router }: Lab): Promise<void> {
  await until('healthy containers', async () => {
    const said = await router.execOk(['docker', 'ps', '--format', '{{.Names}} {{.Status}}'])
    const sick = SERVICES.filter(
      (name) => !new RegExp(`^sekisho-${name}-1 Up .*\\(healthy\\)$`, 'm').test(said),
    )
    if (sick.length > 0) throw new Error(`not healthy: ${sick.join(' ')}`)
    return said
  })
}

/** Waits until the laptop sees a page of the Internet. */
export async function untilPage(lab: Lab, address = '203.0.113.80'): Promise<void> {
  const page = ['curl', '-sSf', '--max-time', '8', `http://${address}/`]
  await until('a page', () => lab.laptop.execOk(page))
}

/** A client's IPv4 address, once it has one with this prefix. */
export function untilLease(lab: Lab, name: Client, prefix: string): Promise<string> {
  return until('a lease', async () => {
    const look = ['ip', '-o', '-4', 'address', 'show', 'dev', 'eth0', 'scope', 'global']
    const address = / inet ([\d.]+)\//.exec(await lab.host(name).execOk(look))?.[1]
    if (address?.startsWith(prefix) !== true) throw new Error(`${name} has ${address ?? 'no address'}`)
    return address
  })
}
