/** What runs at a port, as most people call it; only what is often met at home. */
const SERVICES: Readonly<Record<string, string>> = {
  'tcp 22': 'ssh',
  'tcp 25': 'smtp',
  'tcp 53': 'dns',
  'udp 53': 'dns',
  'udp 67': 'dhcp',
  'tcp 80': 'http',
  'udp 123': 'ntp',
  'tcp 143': 'imap',
  'tcp 443': 'https',
  'udp 443': 'quic',
  'tcp 445': 'smb',
  'tcp 465': 'smtps',
  'udp 500': 'ipsec',
  'tcp 587': 'submission',
  'tcp 853': 'dns over tls',
  'udp 853': 'dns over quic',
  'tcp 993': 'imaps',
  'udp 3478': 'stun',
  'udp 4500': 'ipsec',
  'tcp 5223': 'push',
  'tcp 5228': 'push',
  'udp 5353': 'mdns',
  'udp 51820': 'wireguard',
}

/** The name of a service at "tcp 443". */
export function serviceOf(port: string): string | undefined {
  return SERVICES[port]
}
