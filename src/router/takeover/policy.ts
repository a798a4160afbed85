import { z } from 'zod'
import type { Host } from '../host.ts'
import { NFT_TABLE } from '../paths.ts'
import type { TakeoverAction } from './takeover.ts'

/*
 * A packet passes only when every base chain at its hook lets it: where another's chain has the policy drop, what our
 * own table allows is dropped after all.
 *
 * Docker sets that policy on ip filter FORWARD (and, from release 27 on, ip6 filter FORWARD) when it finds forwarding
 * off and switches it on, as on every machine that was no router before, and it stays until the next boot. With
 * "ip-forward": false, which is ours in daemon.json, no release does either.
 */

/** A chain of nft(8) by its place. */
export interface ChainPlace {
  readonly family: string
  readonly table: string
  readonly name: string
}

const Chain = z.object({
  family: z.string(),
  table: z.string(),
  name: z.string(),
  // Base chains only.
  hook: z.string().optional(),
  policy: z.string().optional(),
})
type Chain = z.output<typeof Chain>

/** libnftables-json(5). */
const Listing = z.object({ nftables: z.array(z.object({ chain: Chain.optional() })) })

/**
 * The policies that would drop what our table lets through. Docker's are ours to change: our own chain at that hook
 * denies by default, so nothing is opened. Another's mean something, and its owner has to decide. `leaving` are units
 * that are about to be stopped, and take their rules along.
 */
export async function policyFindings(
  host: Host,
  leaving: ReadonlySet<string>,
): Promise<{ actions: TakeoverAction[]; blockers: string[] }> {
  const chains = await listChains(host)
  const has = ({ family, table }: Chain, prefix: RegExp) =>
    chains.some((other) => other.family === family && other.table === table && prefix.test(other.name))
  const dropping = chains.filter(
    ({ family, table, hook = '', policy }) =>
      policy === 'drop' &&
      ['input', 'forward'].includes(hook) &&
      ['ip', 'ip6', 'inet'].includes(family) &&
      !(family === 'inet' && table === NFT_TABLE),
  )
  const isDockers = (chain: Chain) => chain.hook === 'forward' && has(chain, /^DOCKER(-|$)/)
  const leaves = (chain: Chain) =>
    leaving.has('nftables.service') || (leaving.has('ufw.service') && has(chain, /^ufw6?-/))
  const actions = dropping.filter(isDockers).map(
    ({ family, table, name }): TakeoverAction => ({
      kind: 'accept-policy',
      chain: { family, table, name },
      why: 'Docker would drop what our firewall lets through, which itself denies what it does not know',
    }),
  )
  const blockers = dropping.filter((chain) => !isDockers(chain) && !leaves(chain)).map(describe)
  return { actions, blockers }
}

/** Sets a base chain's policy. A chain that is not there, as a firewall that was stopped took it along, is left so. */
export async function setPolicy(host: Host, chain: ChainPlace, policy: 'accept' | 'drop'): Promise<void> {
  const live = (await listChains(host)).find((other) => chainName(other) === chainName(chain))
  if (live?.policy === undefined || live.policy === policy) return
  const { family, table, name } = chain
  const argv = ['nft', 'add', 'chain', family, table, name, `{ policy ${policy}; }`]
  const { code, stderr } = await host.exec(argv)
  if (code !== 0)
    throw new Error(`${chainName(chain)} does not take the policy ${policy}: ${stderr.trim() || code}`)
}

export function chainName({ family, table, name }: ChainPlace): string {
  return `${family} ${table} ${name}`
}

function describe(chain: Chain): string {
  const iptables = { ip: 'iptables', ip6: 'ip6tables' }[chain.family]
  const fix =
    iptables !== undefined && chain.table === 'filter'
      ? `${iptables} -P ${chain.name} ACCEPT`
      : `nft delete table ${chain.family} ${chain.table}`
  return `the chain ${chainName(chain)} has the policy drop, and would drop what our firewall lets through. Fix: say in router.yaml what it is for, remove it from what loads it at boot, then ${fix}`
}

/** None where nft may not be asked. */
async function listChains(host: Host): Promise<Chain[]> {
  const { code, stdout } = await host.exec(['nft', '--json', 'list', 'chains'])
  return code === 0 ? Listing.parse(JSON.parse(stdout)).nftables.flatMap(({ chain }) => chain ?? []) : []
}
