import type { Conntrack } from '../watch/flows/conntrack-decode.ts'

/**
 * Whether a connection is translated to or from an address that the WAN does not have any more. The kernel ends what its
 * masquerade made when the address goes, and keeps what came in through a port forward: the host inside would go on
 * answering from the dead address for as long as it talks, which is for ever with WireGuard's or SIP's keepalives.
 */
export function isStale({ original, reply }: Conntrack, gone: ReadonlySet<string>): boolean {
  const forwarded = reply.source !== original.destination && gone.has(original.destination)
  const behind = reply.destination !== original.source && gone.has(reply.destination)
  return forwarded || behind
}
