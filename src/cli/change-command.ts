import { PATHS } from '../router/paths.ts'
import type { Changed } from './change-router.ts'
import { asRoot } from './report.ts'

/*
 * What the commands have in common that change router.yaml and apply it at once: `rename`, `pause`, `resume`,
 * `leases reserve --apply`. With --json they say what a page shows (ActionResult of src/agent/requests/request.ts).
 */

/** Sets the exit code: 0 when it was changed, 1 when not, with the reason. */
export async function changing(
  command: string,
  json: boolean,
  work: () => Promise<Changed & { readonly says: string }>,
): Promise<void> {
  if (!asRoot(command, 'changes the machine')) return
  const { Refusal } = await import('../move/refusal.ts')
  try {
    const { generation, summary, says } = await work()
    if (json) process.stdout.write(`${JSON.stringify({ ok: true, generation, summary })}\n`)
    else process.stdout.write(`${says}\nGeneration ${generation} is in use and confirmed.\n`)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    process.exitCode = 1
    if (json)
      process.stdout.write(`${JSON.stringify({ ok: false, problem: error.message, fix: error.fix })}\n`)
    else process.stderr.write(`sekisho ${command}: ${error.message}. Fix: ${error.fix}\n`)
  }
}

/** Edits the router.yaml of this machine and applies it. */
export async function changeHere(edit: (text: string) => string): Promise<Changed> {
  const { createHost } = await import('../router/host.ts')
  const { changeRouter } = await import('./change-router.ts')
  const { outliveTheTerminal } = await import('./outlive.ts')
  // A file that is edited and not applied would be the worst of both.
  outliveTheTerminal()
  const say = (line: string): void => void process.stderr.write(`  ${line}\n`)
  return changeRouter({ host: createHost(), file: PATHS.config, edit, say })
}

/** Everybody that is known here now. Without the DHCP server, those of router.yaml and of the kernel's neighbours. */
export async function knownDevices() {
  const { NeighbourTable } = await import('../recorder/netlink/neighbour-table.ts')
  const { agentConfig, knownLeases } = await import('./known-leases.ts')
  const { Refusal } = await import('../move/refusal.ts')
  const { networks } = await agentConfig()
  const { leases } = await knownLeases().catch((error: unknown) => {
    if (error instanceof Refusal) return { leases: [] }
    throw error
  })
  const table = NeighbourTable.open()
  try {
    return { networks, leases, neighbours: await table.list() }
  } finally {
    table.close()
  }
}
