import { readFile } from 'node:fs/promises'
import type { KnownNetwork, ListedLease } from '../status/listed-leases.ts'

/** The networks of the generation in use, and the leases that its DHCP server has given out. Throws a Refusal without it. */
export async function knownLeases(): Promise<{
  networks: readonly KnownNetwork[]
  leases: readonly ListedLease[]
}> {
  const { socket, networks } = await dhcpServer()
  const { listedLeases } = await import('../status/listed-leases.ts')
  const { Refusal } = await import('../move/refusal.ts')
  const reply = await askDhcp(socket, 'lease4-get-all')
  try {
    return { networks, leases: listedLeases(reply, networks, Date.now()) }
  } catch (error) {
    throw new Refusal(
      `the DHCP server does not say: ${(error as Error).message}`,
      'sekisho status, then try again',
    )
  }
}

export async function askDhcp(
  socket: string,
  command: string,
  args?: Record<string, string>,
): Promise<string> {
  const { askKea } = await import('../agent/kea-client.ts')
  const { Refusal } = await import('../move/refusal.ts')
  return askKea(socket, command, args).catch((error: Error) => {
    throw new Refusal(
      `the DHCP server is away: ${error.message}`,
      'sekisho status says what is wrong with it',
    )
  })
}

/** Where the DHCP server of the generation in use listens, and its networks. */
export async function dhcpServer(): Promise<{ socket: string; networks: readonly KnownNetwork[] }> {
  const { leases, networks } = await agentConfig()
  const { Refusal } = await import('../move/refusal.ts')
  if (leases === undefined)
    throw new Refusal('no module of this router hands out leases', 'add "kea: {}" to its modules, and apply')
  return { socket: leases.socket, networks }
}

/** What sekishod knows of the generation in use. */
export async function agentConfig() {
  const { parseAgentConfig } = await import('../agent/config.ts')
  const { PATHS } = await import('../router/paths.ts')
  const { Refusal } = await import('../move/refusal.ts')
  const text = await readFile(`${PATHS.current}/agent.json`, 'utf8').catch(() => undefined)
  if (text === undefined) throw new Refusal('nothing is applied on this machine', 'sekisho apply')
  return parseAgentConfig(text)
}
