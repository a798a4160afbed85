import { ensurePackages } from '../src/build/debian.ts'
import { ForwardingBed, type Kind } from './forwarding-bed.ts'
import { article, oneMasqueradeRule, openwrtStyle, ours, type Ruleset } from './rulesets.ts'
import { print, type Row } from './table.ts'

/*
 * Forwarding of 64-byte packets through everything that Sekisho generates, with accounting, beside a single masquerade
 * rule, a ruleset laid out like OpenWrt's, and the article's iptables rules: a router each, the same packets, turn by
 * turn. What is compared is packets per second of processor time; all that the kernel does with a packet, up to the
 * other end of the cable, happens in the thread that sends it.
 */

const ROUNDS = 25
const PACKETS = { known: 40_000, new: 8000 } as const

const OURS = 'Sekisho'
const BARE = 'one masquerade rule'
const OPENWRT = 'as OpenWrt lays it out'
const ARTICLE = "the article's iptables"
const MANY_NETWORKS = 'Sekisho, 50 networks'
const MANY_FORWARDS = 'Sekisho, 1,000 forwards'

type Costs = Readonly<Record<Kind | 'idle', number>>
/** The turns of a ruleset, one a round. */
type Turns = readonly Costs[]

async function main(): Promise<void> {
  await ensurePackages(['nftables', 'iptables', 'conntrack', 'iproute2'])
  const rulesets: Record<string, Ruleset> = {
    [BARE]: oneMasqueradeRule(),
    [OURS]: await ours(1, 1),
    [OPENWRT]: openwrtStyle(),
    [ARTICLE]: article(),
    'Sekisho, 10 networks': await ours(10, 1),
    [MANY_NETWORKS]: await ours(50, 1),
    'Sekisho, 100 forwards': await ours(1, 100),
    [MANY_FORWARDS]: await ours(1, 1000),
  }
  const measured = await measure(rulesets)
  const turns = (name: string) => measured.get(name) ?? []
  const rows = Object.keys(rulesets).map((name): Row => {
    const ns = (kind: keyof Costs) => (median(turns(name).map((turn) => turn[kind])) * 1e9).toFixed(0)
    return {
      ruleset: name,
      'packets/s of known flows': thousands(median(turns(name).map(known))),
      'Sekisho is': faster(turns(OURS), turns(name), known),
      'of new flows': thousands(median(turns(name).map(begun))),
      'Sekisho then': faster(turns(OURS), turns(name), begun),
      'ns a packet out': ns('out'),
      in: ns('in'),
      'of it sending': ns('idle'),
    }
  })
  print('Forwarded per second of one processor, 64-byte packets', rows)
  const goals = [
    goal('of one masquerade rule', ratio(turns(OURS), turns(BARE), known), 0.88),
    goal('of an OpenWrt-style ruleset', ratio(turns(OURS), turns(OPENWRT), known), 1.15),
    goal("of the article's iptables", ratio(turns(OURS), turns(ARTICLE), known), 1),
    goal('with 50 networks, of one', ratio(turns(MANY_NETWORKS), turns(OURS), known), 0.9),
    goal('with 1,000 forwards, of one', ratio(turns(MANY_FORWARDS), turns(OURS), known), 0.95),
  ]
  print('Sekisho, known flows', goals)
  if (goals.some(({ met }) => met === 'no')) process.exitCode = 1
}

/** Packets per second of known flows, out and in by turns, and of such that begin a flow. */
function known(costs: Costs): number {
  return 2 / (costs.out + costs.in)
}
function begun(costs: Costs): number {
  return 1 / costs.new
}

/** How much faster one is than another: the median over the rounds, as both had the same company in each. */
function ratio(one: Turns, other: Turns, speed: (costs: Costs) => number): number {
  return median(one.map((turn, round) => speed(turn) / speed(other[round] ?? turn)))
}

function faster(...compared: Parameters<typeof ratio>): string {
  return `${ratio(...compared).toFixed(2)} times`
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

/** Seconds of processor time that a packet costs with each ruleset, in short turns. */
async function measure(rulesets: Readonly<Record<string, Ruleset>>): Promise<ReadonlyMap<string, Turns>> {
  const beds = new Map<string, ForwardingBed>()
  const turns = new Map<string, Costs[]>()
  try {
    for (const [name, ruleset] of Object.entries(rulesets)) beds.set(name, await ForwardingBed.start(ruleset))
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, bed] of beds) {
        bed.warm()
        const turn = {
          out: await bed.cost('out', PACKETS.known),
          in: await bed.cost('in', PACKETS.known),
          new: await bed.cost('new', PACKETS.new),
          idle: bed.idleCost(PACKETS.known),
        }
        await bed.forget()
        turns.set(name, [...(turns.get(name) ?? []), turn])
      }
    }
  } finally {
    await Promise.all([...beds.values()].map((bed) => bed.stop()))
  }
  return turns
}

function goal(compared: string, got: number, least: number): Row {
  return { compared, ratio: got.toFixed(2), 'at least': least, met: got >= least ? 'yes' : 'no' }
}

function thousands(count: number): string {
  return `${Math.round(count / 1000)},000`
}

await main()
