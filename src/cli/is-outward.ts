import { type KnownNetwork, networkOf } from '../status/listed-leases.ts'
import type { Conntrack } from '../watch/flows/conntrack-decode.ts'

interface Near {
  /** The router's own addresses. */
  readonly router: ReadonlySet<string>
  readonly networks: readonly KnownNetwork[]
  readonly neighbours: readonly { readonly address: string }[]
}

/** Whether a connection is one of these addresses with something that is neither the router nor in a network of ours. */
export function isOutward(
  { original, reply }: Pick<Conntrack, 'original' | 'reply'>,
  own: ReadonlySet<string>,
  { router, networks, neighbours }: Near,
): boolean {
  const opened = own.has(original.source)
  // Behind a port forward or a container's port, what was asked for is the router.
  if (opened ? router.has(original.destination) : !own.has(reply.source)) return false
  const peer = opened ? reply.source : original.source
  const close = router.has(peer) || neighbours.some(({ address }) => address === peer)
  return !close && networkOf(peer, networks) === undefined
}
