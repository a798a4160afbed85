import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Lab } from '../../../src/lab/lab.ts'
import { addressesOf } from './addresses.ts'

/** The services of examples/lab.yaml, in order. */
export const SERVICES = ['chrony', 'dashboard', 'kea', 'recorder', 'unbound', 'watch'] as const

/** Applies this router.yaml on the lab's router; throws with all that apply said when it does not succeed. */
export async function applyYaml(lab: Lab, text: string, options: readonly string[] = []): Promise<string> {
  await lab.writeRouterYaml(text)
  const { code, stdout, stderr } = await lab.apply(options)
  if (code !== 0) throw new Error(`sekisho apply ended with code ${code}:\n${stdout}${stderr}`)
  return stdout
}

/** Brings the router, and its clients' addresses, to what the lab starts with: examples/lab.yaml of this checkout. */
export async function baseline(lab: Lab): Promise<void> {
  await applyYaml(lab, await baselineYaml(lab))
  // Prefixes come some seconds after a link or a boot. A client that gets none is for its test to say.
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(500))
    if (await areAddressed(lab)) return
}

async function areAddressed({ laptop, phone, guest1 }: Lab): Promise<boolean> {
  const looks = await Promise.allSettled([laptop, phone, guest1].map((client) => addressesOf(client)))
  return looks.every(({ status }) => status === 'fulfilled')
}

/** examples/lab.yaml, with further top-level keys at its end, e.g. a `firewall:` block. */
export async function baselineYaml(lab: Lab, more = ''): Promise<string> {
  return `${await readFile(join(lab.places.checkout, 'examples/lab.yaml'), 'utf8')}${more}`
}
