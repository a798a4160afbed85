import { expect, it } from 'vitest'
import { createHost, type Exec } from '../host.ts'
import { policyFindings, setPolicy } from './policy.ts'

/** nft's answer, from lines "FAMILY TABLE NAME [HOOK POLICY]". */
function listing(chains: readonly string[]): string {
  const objects = chains.map((line) => {
    const [family, table, name, hook, policy] = line.split(' ')
    return {
      chain: { family, table, name, handle: 1, ...(hook && { type: 'filter', hook, prio: 0, policy }) },
    }
  })
  return JSON.stringify({ nftables: [{ metainfo: { version: '1.1.3' } }, ...objects] })
}

/** A machine with these chains, and what was asked of its nft. */
function machine(chains: readonly string[], code = 0) {
  const calls: string[] = []
  const exec: Exec = async (argv) => {
    calls.push(argv.join(' '))
    return { code, stdout: code === 0 ? listing(chains) : '', stderr: '' }
  }
  return { calls, host: createHost({ exec, durable: false }) }
}

const OURS = ['inet sekisho input input drop', 'inet sekisho forward forward drop']
const DOCKER = ['ip filter DOCKER', 'ip filter DOCKER-USER', 'ip filter FORWARD forward drop']
const DOCKER6 = ['ip6 filter DOCKER-FORWARD', 'ip6 filter FORWARD forward drop']
const ACCEPTING = ['ip filter INPUT input accept', 'ip nat DOCKER', 'ip libvirt fwd forward accept']
const UFW = ['ip filter ufw-user-input', 'ip6 filter ufw6-user-input', 'ip6 filter INPUT input drop']

/** Chains that are set to accept, and those that block. */
async function found(chains: readonly string[], leaving: readonly string[] = []) {
  const { actions, blockers } = await policyFindings(machine(chains).host, new Set(leaving))
  const accepts = actions.flatMap((action) => (action.kind === 'accept-policy' ? [action.chain] : []))
  return { accepts, blockers }
}

it.each([
  ['our own table', OURS, [], []],
  ['chains that accept', [...OURS, ...ACCEPTING], [], []],
  ["Docker's, IPv4", [...OURS, ...DOCKER], ['ip filter FORWARD'], []],
  ["Docker's, both", [...DOCKER, ...DOCKER6], ['ip filter FORWARD', 'ip6 filter FORWARD'], []],
  ['iptables of the user, without Docker', ['ip filter FORWARD forward drop'], [], ['ip filter FORWARD']],
  [
    "the user's input, beside Docker",
    [...DOCKER, 'ip filter INPUT input drop'],
    ['ip filter FORWARD'],
    ['ip filter INPUT'],
  ],
  ["the user's own table", ['inet filter forward forward drop'], [], ['inet filter forward']],
  ['another hook or family', ['ip raw OUTPUT output drop', 'bridge filter FORWARD forward drop'], [], []],
  ['ufw', UFW, [], ['ip6 filter INPUT']],
])('%s', async (_, chains, accepts, blocks) => {
  const result = await found(chains)
  expect(result.accepts.map(({ family, table, name }) => `${family} ${table} ${name}`)).toEqual(accepts)
  expect(result.blockers.map((line) => /^the chain (.*) has the policy drop/.exec(line)?.[1])).toEqual(blocks)
})

it.each([
  ['ufw takes its own along', 'ufw.service', UFW, 0],
  ["ufw leaves another's", 'ufw.service', ['inet filter forward forward drop'], 1],
  ['nftables.service flushes everything', 'nftables.service', ['inet filter forward forward drop'], 0],
  [
    'netfilter-persistent leaves its rules',
    'netfilter-persistent.service',
    ['ip filter INPUT input drop'],
    1,
  ],
])('a firewall that is stopped: %s', async (_, unit, chains, count) => {
  expect((await found(chains, [unit])).blockers).toHaveLength(count)
})

it.each([
  ['ip filter INPUT input drop', 'iptables -P INPUT ACCEPT'],
  ['ip6 filter FORWARD forward drop', 'ip6tables -P FORWARD ACCEPT'],
  ['inet filter forward forward drop', 'nft delete table inet filter'],
])('the fix for %s', async (chain, fix) => {
  const [line = ''] = (await found([chain])).blockers
  expect(line.endsWith(fix)).toBe(true)
})

it('finds nothing where nft may not be asked', async () => {
  expect(await policyFindings(machine(DOCKER, 1).host, new Set())).toEqual({ actions: [], blockers: [] })
})

it.each([
  ['sets', 'ip filter FORWARD forward drop', ['nft add chain ip filter FORWARD { policy accept; }']],
  ['leaves what accepts already', 'ip filter FORWARD forward accept', []],
  ['leaves what went away', 'ip filter INPUT input drop', []],
  ['leaves a chain that is none of the kernel’s', 'ip filter FORWARD', []],
])('setPolicy %s', async (_, chain, commands) => {
  const { host, calls } = machine([chain])
  await setPolicy(host, { family: 'ip', table: 'filter', name: 'FORWARD' }, 'accept')
  expect(calls.slice(1)).toEqual(commands)
})
