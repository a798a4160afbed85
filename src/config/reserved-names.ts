/**
 * Names that mean something to every host and so cannot be given to one: proxy discovery, IPv6 transition
 * (RFC 5214 section 8.3), the loopback and the special-use names of RFC 6761.
 */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'broadcasthost',
  'invalid',
  'ip6-allnodes',
  'ip6-allrouters',
  'ip6-localhost',
  'ip6-loopback',
  'isatap',
  'local',
  'localdomain',
  'localhost',
  'loopback',
  'wpad',
])
