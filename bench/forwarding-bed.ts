import { closeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Namespace } from './namespaces.ts'
import { admitFrames, PacketGenerator, type Traffic } from './packet-generator.ts'
import type { Ruleset } from './rulesets.ts'

/** The flows that packets of known flows go round. */
export const FLOWS = 4096
/** So many that none comes twice: 256 addresses with 16,384 ports. */
const NEW_FLOWS = 4_194_304

const LAN_INDEX = 10
const WAN_INDEX = 11
const MAC = {
  lan: '02:00:5e:00:02:01',
  wan: '02:00:5e:00:02:02',
  client: '02:00:5e:00:02:03',
  provider: '02:00:5e:00:02:04',
} as const

const client = { address: '10.0.0.20', port: 16_384 }
const wan = { address: '203.0.113.5', port: 16_384 }
const server = { address: '198.51.100.0', port: 443 }
const outwards = { from: MAC.client, to: MAC.lan }

const TRAFFIC = {
  out: { macs: outwards, from: client, to: server, direction: 'out', flows: FLOWS },
  in: { macs: { from: MAC.provider, to: MAC.wan }, from: server, to: wan, direction: 'in', flows: FLOWS },
  new: { macs: outwards, from: client, to: { ...server, port: 80 }, direction: 'out', flows: NEW_FLOWS },
} as const satisfies Record<string, Traffic>
/** Packets of known flows to the WAN and back from it, and such that each begin a flow. */
export type Kind = keyof typeof TRAFFIC

/**
 * A router in a network namespace, with a ruleset, between two other namespaces. The packets enter its ports as
 * from a driver and leave by veth; the other ends count and drop them, as they are for no address of theirs.
 */
export class ForwardingBed {
  readonly #spaces: readonly Namespace[]
  readonly #router: Namespace
  readonly #client: Namespace
  readonly #provider: Namespace
  readonly #generators: Record<Kind, PacketGenerator>
  readonly #links: readonly number[]

  private constructor(router: Namespace, lan: Namespace, provider: Namespace) {
    this.#spaces = [router, lan, provider]
    this.#router = router
    this.#client = lan
    this.#provider = provider
    this.#links = router.inside(() => [admitFrames(LAN_INDEX), admitFrames(WAN_INDEX)])
    this.#generators = router.inside(() => ({
      out: new PacketGenerator(LAN_INDEX, TRAFFIC.out),
      in: new PacketGenerator(WAN_INDEX, TRAFFIC.in),
      new: new PacketGenerator(LAN_INDEX, TRAFFIC.new),
    }))
  }

  static async start({ load, rules, sysctls }: Ruleset): Promise<ForwardingBed> {
    const spaces: Namespace[] = []
    try {
      const [router, lan, provider] = [
        await Namespace.start(),
        await Namespace.start(),
        await Namespace.start(),
      ]
      spaces.push(router, lan, provider)
      await router.ip(
        'link set lo up',
        `link add lan0 index ${LAN_INDEX} address ${MAC.lan} type veth peer name eth0 netns ${lan.pid}`,
        `link add wan0 index ${WAN_INDEX} address ${MAC.wan} type veth peer name eth0 netns ${provider.pid}`,
        'link set lan0 addrgenmode none up',
        'link set wan0 addrgenmode none up',
        'addr add 10.0.0.1/24 dev lan0',
        `addr add ${wan.address}/24 dev wan0`,
        'route add default via 203.0.113.1',
        `neigh add ${client.address} lladdr ${MAC.client} dev lan0 nud permanent`,
        `neigh add 203.0.113.1 lladdr ${MAC.provider} dev wan0 nud permanent`,
      )
      for (const space of [lan, provider]) await space.ip('link set eth0 addrgenmode none up')
      await router.run(load, rules)
      router.sysctl({ 'net.netfilter.nf_conntrack_acct': 0, ...sysctls, 'net.ipv4.ip_forward': 1 })
      return new ForwardingBed(router, lan, provider)
    } catch (error) {
      await Promise.all(spaces.map((space) => space.stop()))
      throw error
    }
  }

  /** Makes the flows known, with packets both ways. */
  warm(): void {
    this.#router.inside(() => {
      this.#generators.out.send(FLOWS)
      this.#generators.in.send(FLOWS)
    })
  }

  /** Seconds of processor time a packet takes, its making included. Throws when packets are lost. */
  async cost(kind: Kind, packets: number): Promise<number> {
    const receiver = kind === 'in' ? this.#client : this.#provider
    for (let attempt = 0; attempt < 10; attempt++) {
      const before = receiver.counters('eth0').received.packets
      const seconds = this.#router.inside(() => this.#generators[kind].send(packets))
      const arrived = () => receiver.counters('eth0').received.packets - before
      if (arrived() === packets) return seconds / packets
      // The kernel left the end of it to another thread of its own, whose time nobody counted: once more.
      await sleep(100)
      if (arrived() !== packets)
        throw new Error(
          `${arrived()} of ${packets} packets arrived. Fix: is net.netfilter.nf_conntrack_max below 16384?`,
        )
    }
    throw new Error('this machine is too busy to measure')
  }

  /** Seconds of processor time that making a packet takes. */
  idleCost(packets: number): number {
    return this.#router.inside(() => this.#generators.out.idle(packets)) / packets
  }

  /** Forgets the flows that packets of the kind "new" began. */
  async forget(): Promise<void> {
    await this.#router.run(['conntrack', '-D', '-p', 'udp', '--orig-port-dst', String(TRAFFIC.new.to.port)])
  }

  async stop(): Promise<void> {
    for (const generator of Object.values(this.#generators)) generator.close()
    for (const link of this.#links) closeSync(link)
    await Promise.all(this.#spaces.map((space) => space.stop()))
  }
}
