import { buildMessage, type NetlinkMessage, NLM_F_REQUEST } from './message.ts'
import { decodeNeighbour, type NeighbourEntry, RTM_GETNEIGH } from './neighbour.ts'
import { NetlinkSocket } from './socket.ts'

const NETLINK_ROUTE = 0
/** RTMGRP_NEIGH of linux/rtnetlink.h. */
const GROUP_NEIGHBOURS = 4
const NLM_F_DUMP = 0x300
const NLMSG_DONE = 3
const RECEIVE_BYTES = 1024 * 1024
/** The kernel's own limit is 1024 entries a family, unless somebody raised it. */
const MAX_ENTRIES = 16_384
/** Datagrams of changes in a row before other work gets its turn. */
const TURN = 64

/** The kernel's neighbour table over rtnetlink, for which no capability is needed. */
export class NeighbourTable {
  readonly #changes: NetlinkSocket
  readonly #requests: NetlinkSocket
  #sequence = 1

  private constructor(changes: NetlinkSocket, requests: NetlinkSocket) {
    this.#changes = changes
    this.#requests = requests
  }

  static open(): NeighbourTable {
    const changes = NetlinkSocket.open(NETLINK_ROUTE, RECEIVE_BYTES, GROUP_NEIGHBOURS)
    try {
      return new NeighbourTable(changes, NetlinkSocket.open(NETLINK_ROUTE, RECEIVE_BYTES))
    } catch (error) {
      changes.close()
      throw error
    }
  }

  /** Resolves when something changed, or after the time; true when there are `changes` to read. */
  wait(timeoutMs: number): Promise<boolean> {
    return this.#changes.wait(timeoutMs)
  }

  /** Entries that changed, at most a turn's worth; undefined when the kernel had to leave some out. */
  changes(): NeighbourEntry[] | undefined {
    const entries: NeighbourEntry[] = []
    for (let i = 0; i < TURN; i++) {
      const received = this.#changes.receive()
      if (received.kind === 'empty') break
      if (received.kind === 'overrun') return undefined
      entries.push(...entriesOf(received.messages))
    }
    return entries
  }

  /** Every entry of both families that maps to a MAC address. */
  async list(): Promise<NeighbourEntry[]> {
    const sequence = this.#sequence++
    // struct ndmsg, all zero: every family, every interface.
    this.#requests.send(buildMessage(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP, sequence, Buffer.alloc(12)))
    const entries: NeighbourEntry[] = []
    const deadline = performance.now() + 2000
    while (performance.now() < deadline) {
      const received = this.#requests.receive()
      if (received.kind === 'empty') await this.#requests.wait(200)
      if (received.kind !== 'messages') continue
      // What an earlier dump that was given up still had to say is not this one's.
      const messages = received.messages.filter((message) => message.sequence === sequence)
      if (entries.length < MAX_ENTRIES) entries.push(...entriesOf(messages))
      if (messages.some(({ type }) => type === NLMSG_DONE)) return entries
    }
    throw new Error('the kernel did not list its neighbours')
  }

  close(): void {
    this.#changes.close()
    this.#requests.close()
  }
}

function entriesOf(messages: readonly NetlinkMessage[]): NeighbourEntry[] {
  return messages.flatMap((message) => decodeNeighbour(message) ?? [])
}
