import { expect } from 'vitest'
import { type Lab, openLab } from '../../../src/lab/lab.ts'
import { VmMachine } from '../../../src/lab/vm/vm-machine.ts'

/** Nothing here measures time: emulated on a busy machine, all takes as long as it takes. */
export const PATIENCE_MS = 600_000

/** The lab with the virtual router; throws when the lab that is up has another. */
export async function openVm(): Promise<{ readonly lab: Lab; readonly router: VmMachine }> {
  const lab = await openLab()
  const { router } = lab
  if (!(router instanceof VmMachine)) throw new Error('this lab has a router in a container')
  return { lab, router }
}

/** Waits until every container says that it is healthy. */
export async function untilHealthy({ router }: Lab): Promise<void> {
  await expect
    .poll(
      async () => {
        const said = await router.exec(['docker', 'ps', '--format', '{{.Names}} {{.Status}}'])
        return [...said.stdout.matchAll(/^sekisho-(\S+)-1 Up .*\(healthy\)$/gm)]
          .map(([, name]) => name)
          .sort()
      },
      { timeout: PATIENCE_MS, interval: 1000 },
    )
    .toEqual(['chrony', 'kea', 'recorder', 'unbound', 'watch'])
}

/** Waits until the laptop sees a page of the Internet. */
export async function untilPage(lab: Lab, address = '203.0.113.80'): Promise<void> {
  const page = ['curl', '-sSf', '--max-time', '8', `http://${address}/`]
  await expect
    .poll(async () => (await lab.laptop.exec(page)).code, { timeout: PATIENCE_MS, interval: 500 })
    .toBe(0)
}

/** Waits until a client has an address of its network. */
export async function untilLease(lab: Lab, name: 'laptop' | 'guest1', prefix: string): Promise<void> {
  const look = ['ip', '-o', '-4', 'address', 'show', 'dev', 'eth0', 'scope', 'global']
  await expect
    .poll(() => lab.host(name).execOk(look), { timeout: PATIENCE_MS, interval: 500 })
    .toContain(` ${prefix}`)
}
