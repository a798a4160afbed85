/** A DHCPv4 lease as the agent's jobs need it. */
export interface Lease {
  /** IPv4 address in dotted form. */
  readonly address: string
  /** What the client called itself, any text; '' when nothing. */
  readonly hostname: string
  /** Who holds it: the hardware address, or the client identifier when there is none. */
  readonly client: string
  /** The hardware address when it is a MAC address, "02:00:5e:10:00:01". */
  readonly mac?: string
  /** Client's last transaction, seconds since 1970. */
  readonly cltt: number
  /** Seconds since 1970 when it ends; Infinity for an infinite lease (RFC 2131 section 3.3). */
  readonly expires: number
}
