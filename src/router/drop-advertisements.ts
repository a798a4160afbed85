import type { Host } from './host.ts'

/** systemd-networkd's volatile folder, where the agent puts drop-ins beside our files. */
const FOLDER = '/run/systemd/network'

/**
 * Removes the agent's drop-ins that announce this router as a default router: those of all networks, or only those
 * whose own file is there no more. Returns whether there was one; networkd learns of it by a reload.
 */
export async function dropAdvertisements(host: Host, only: 'orphans' | 'all' = 'all'): Promise<boolean> {
  let dropped = false
  for (const name of await host.list(FOLDER)) {
    const [, file] = /^(10-sekisho-.*\.network)\.d$/.exec(name) ?? []
    if (file === undefined) continue
    if (only === 'orphans' && (await host.stat(`/etc/systemd/network/${file}`))) continue
    await host.removeTree(`${FOLDER}/${name}`)
    dropped = true
  }
  return dropped
}
