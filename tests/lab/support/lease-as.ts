import type { Host } from '../../../src/lab/host.ts'

/** A DHCP client in a few lines (RFC 2131 section 3.1): DISCOVER and REQUEST with any bytes as option 12. */
const DHCP_CLIENT = `
import random, sys
from scapy.all import BOOTP, DHCP, IP, UDP, AsyncSniffer, Ether, conf, mac2str, sendp
conf.verb = 0
mac, hostname = sys.argv[1], bytes.fromhex(sys.argv[2])
xid = random.getrandbits(32)

def ask(*options):
    packet = (Ether(src=mac, dst="ff:ff:ff:ff:ff:ff") / IP(src="0.0.0.0", dst="255.255.255.255")
              / UDP(sport=68, dport=67) / BOOTP(chaddr=mac2str(mac), xid=xid, flags=0x8000)
              / DHCP(options=[*options, ("hostname", hostname), "end"]))
    for _ in range(5):
        sniffer = AsyncSniffer(iface="eth0", count=1, timeout=2, started_callback=lambda: sendp(packet, iface="eth0"),
                               lfilter=lambda p: BOOTP in p and p[BOOTP].op == 2 and p[BOOTP].xid == xid)
        sniffer.start()
        sniffer.join()
        if sniffer.results:
            return sniffer.results[0]
    sys.exit("no answer")

offer = ask(("message-type", "discover"))
server = next(o[1] for o in offer[DHCP].options if o[0] == "server_id")
ack = ask(("message-type", "request"), ("server_id", server), ("requested_addr", offer[BOOTP].yiaddr))
if dict(o for o in ack[DHCP].options if len(o) == 2)["message-type"] != 5:
    sys.exit("refused")
print(ack[BOOTP].yiaddr)
`

/** Asks at the host's port for a lease of another device, with these bytes as host name, and returns the address. */
export async function leaseAs(host: Host, mac: string, hostname: string | Uint8Array): Promise<string> {
  const hex = Buffer.from(hostname).toString('hex')
  return (await host.execOk(['python3', '-c', DHCP_CLIENT, mac, hex])).trim()
}
