import type { Host } from '../host.ts'
import { readLinks } from '../link-state.ts'

/** The packets of RFC 5227 section 2.3: an ARP request of one's own address, twice, two seconds apart. */
const SEND = String.raw`
use strict; use warnings;
socket my $socket, 17, 2, 0 or die "socket: $!\n";    # AF_PACKET, SOCK_DGRAM: packet(7)
for my $round (1, 2) {
  for (@ARGV) {
    my ($index, $mac, $address) = split ' ';
    my ($hardware, $ip) = (pack('H12', $mac =~ tr/://dr), pack('C4', split /\./, $address));
    my $arp = pack 'n n C C n a6 a4 a6 a4', 1, 0x0800, 6, 4, 1, $hardware, $ip, '', $ip;
    send $socket, $arp, 0, pack('S n i S C C a8', 17, 0x0806, $index, 1, 0, 6, "\xff" x 6);
  }
  last if $round == 2;
  # Nobody waits for the second.
  exit if fork;
  close $_ for *STDIN, *STDOUT, *STDERR;
  sleep 2;
}
`

/**
 * Tells the hosts on these devices which Ethernet address our IPv4 addresses have now. When a network moves to another
 * port or bridge, they would send to the one that it had for as long as their ARP caches keep that: Linux up to a minute.
 * (Of IPv6 they hear by themselves: the router is another link-local address.)
 */
export async function announce(host: Host, devices: readonly string[]): Promise<void> {
  const own = ((await readLinks(host)) ?? [])
    .filter(({ ifname }) => devices.includes(ifname))
    .flatMap(({ ifindex, address = '', addr_info }) =>
      addr_info.flatMap(({ family, local }) =>
        family === 'inet' && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(address)
          ? [`${ifindex} ${address} ${local}`]
          : [],
      ),
    )
  // Where it cannot be said, they find out by themselves.
  if (own.length > 0) await host.exec(['perl', '-e', SEND, '--', ...own])
}
