import { dropAdvertisements } from '../drop-advertisements.ts'
import { desiredOf } from '../generation/generation.ts'
import type { Host } from '../host.ts'
import type { Inventory } from '../inventory.ts'
import { FORWARDING, observe, readCurrent } from '../observe.ts'
import { COMPOSE_PROJECT, PATHS } from '../paths.ts'
import type { Step } from '../plan/step.ts'
import { readGuard } from './guard.ts'
import { detailsOf, messageOf, reloadNetworkd, type StepContext } from './step.ts'
import { executeAll } from './undo.ts'

export type DownResult =
  | { readonly ok: true; readonly changed: boolean }
  /** What goes on all the same, in words; everything else is stopped. */
  | { readonly ok: false; readonly failures: readonly string[] }

/**
 * Stops what Sekisho runs: containers, agent, modules' units, and forwarding. The firewall, the links and all files
 * stay: the router is closed and can be reached. It holds over a boot, until an apply; run again, it goes on.
 */
export async function down(
  host: Host,
  { lockSecs = 120, onProgress = () => {} }: { lockSecs?: number; onProgress?: (line: string) => void } = {},
): Promise<DownResult> {
  const release = await host.lock(PATHS.lock, lockSecs)
  if (!release) return { ok: false, failures: ['an apply is running. Fix: wait for it, then try again'] }
  try {
    return await stopAll(host, onProgress)
  } finally {
    await release()
  }
}

async function stopAll(host: Host, onProgress: (line: string) => void): Promise<DownResult> {
  const current = await readCurrent(host)
  if (current === undefined)
    return { ok: false, failures: ['nothing runs: there was no apply on this machine yet'] }
  const guard = await readGuard(host)
  // Its timer would bring everything up again.
  if (guard) {
    const message = `generation ${guard.to} waits to be confirmed. Fix: sekisho confirm keeps it, sekisho rollback gives it up`
    return { ok: false, failures: [message] }
  }
  const inventory = await observe(host, desiredOf(current))
  const steps = downSteps(inventory)
  const context: StepContext = { host, ensureImages: async () => {}, healthSecs: 0 }
  const failures = await executeAll(steps, context, onProgress, (error) =>
    [messageOf(error), ...detailsOf(error)].join('\n'),
  )
  // Without the agent nobody would tell the networks that there is no way out here.
  if (await dropAdvertisements(host)) await reloadNetworkd(host).catch(() => {})
  // The kernel sets others when forwarding changes.
  if (steps.some((step) => step.do === 'sysctl')) await rereadSysctls(host)
  return failures.length > 0 ? { ok: false, failures } : { ok: true, changed: steps.length > 0 }
}

/** What has to be done for everything to be stopped; empty when it is. Pure. */
export function downSteps(inventory: Inventory): Step[] {
  const { current, services } = inventory
  const units = (current?.manifest.units ?? []).filter(
    ({ name, owner }) =>
      // The core's others keep the links and the firewall, or run once at boot.
      (owner !== 'core' || STOPPED.includes(name)) && inventory.units[name]?.active === 'active',
  )
  // Docker that does not answer may well run them.
  const runs = services === undefined ? current?.manifest.services.length : Object.keys(services).length
  const core = { owner: 'core', impact: 'none' } as const
  return [
    ...(inventory.down
      ? []
      : [{ ...core, do: 'down', before: false, after: true, says: 'a boot starts nothing either' } as const]),
    ...units.map(
      ({ name, owner }): Step => ({ do: 'stop', unit: name, owner, impact: 'none', says: `stops ${name}` }),
    ),
    ...(runs
      ? [
          {
            ...core,
            do: 'compose',
            before: true,
            after: false,
            services: [],
            pauses: {},
            says: `takes the containers of the project ${COMPOSE_PROJECT} down`,
          } as const,
        ]
      : []),
    ...FORWARDING.filter((key) => inventory.sysctls[key] === '1').map(
      (key): Step => ({
        ...core,
        do: 'sysctl',
        key,
        before: '1',
        after: '0',
        ownedBefore: true,
        ownedAfter: true,
        others: {},
        says: `packets are no longer forwarded (${key})`,
      }),
    ),
  ]
}

const STOPPED = ['sekishod.service', 'sekisho-requests.socket']

async function rereadSysctls(host: Host): Promise<void> {
  const folder = '/etc/sysctl.d'
  const ours = (await host.list(folder)).filter((name) => /^9\d-sekisho.*\.conf$/.test(name))
  await host.exec(['/usr/lib/systemd/systemd-sysctl', ...ours.map((name) => `${folder}/${name}`)])
}
