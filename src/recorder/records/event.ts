/** An event (kind "events") of our own: what the tag says happened to, or by, the host with `senderAddress`. */
export interface EventRecord {
  /** RFC 3339, UTC. */
  readonly time: string
  /** "dns.bypass", "egress.unresolved", "device.new". */
  readonly tag: string
  readonly senderAddress: string
  readonly record: Readonly<Record<string, string | number | boolean | undefined>>
}
