/** What became of a DHCP lease (kind "dhcp"), in the words of RFC 2131. */
export interface DhcpRecord {
  /** When the client and the server spoke, or the lease ended: RFC 3339, UTC. Of "released", when it was noticed. */
  readonly time: string
  /** "assigned" is the first that is heard of a lease. */
  readonly event: 'assigned' | 'renewed' | 'released' | 'expired'
  readonly network: string
  readonly address: string
  readonly macAddress: string
  /** What the client called itself: any text. */
  readonly hostname?: string
  /** For how long it was given; absent for ever, and when it ended. */
  readonly leaseSeconds?: number
}
