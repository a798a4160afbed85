/** An old file, and where the new rules differ on purpose. */
export interface Case {
  /** Absent for that of tests/old-router. */
  readonly iptables?: string
  /** A second network, 10.0.2.0/24 on enp3s0. */
  readonly hasGuest: boolean
  readonly forwards: readonly {
    readonly from: string
    readonly protocol: 'tcp' | 'udp'
    readonly port: number
    readonly host: string
    readonly toPort: number
  }[]
  readonly differences: readonly {
    readonly packets: RegExp
    readonly why: string
    /** How the report says so; absent for what is open now: a service of the router itself. */
    readonly said?: RegExp
  }[]
  /** Some that must pass in both, and in neither. */
  readonly pass: readonly string[]
  readonly blocked: readonly string[]
}

const SERVICES = {
  packets: /^(laptop|guest|host 66) to the router, (tcp 53|udp 53|udp 67)$/,
  why: "DNS and DHCP are the router's own: before, Docker's NAT led past this chain, and Kea reads packets before it",
} as const

const SPOOFED = {
  packets: /^(Internet as the laptop|laptop as a stranger)/,
  why: 'a source that does not belong where the packet comes in',
  said: /source does not belong/,
} as const

const DIRECT = {
  packets: /^Internet to (the laptop|a container)/,
  why: 'sent straight to an address inside, as a neighbour on the link of the provider can',
  said: /from the WAN for addresses inside/,
} as const

/** Forwards, chains of its own, lists of ports, exceptions, refusals; two networks. */
const OFFICE = `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -i ppp0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.0.20:80
-A PREROUTING -i ppp0 -p udp -m multiport --dports 5000,6000:6010 -m comment --comment "a \\"game\\" #1" -j DNAT --to-destination 10.0.0.21
-A PREROUTING -i ppp0 -p tcp --dport 2222 -s 198.51.100.7 -j DNAT --to 10.0.2.5:22
-A PREROUTING -i ppp0 -p tcp --dport 3306 -j DNAT --to-destination 10.0.0.20
-A POSTROUTING -o ppp0 -j MASQUERADE
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:LAN - [0:0]
:REFUSE - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -m conntrack --ctstate INVALID -j DROP
-A INPUT -s 10.0.0.66 -j DROP
-A INPUT ! -i ppp0 -j LAN
-A INPUT -i ppp0 -p udp --dport 51820 -j ACCEPT
-A INPUT -i ppp0 -p tcp --dport 22 -s 198.51.100.0/29,192.0.2.0/24 -j ACCEPT
-A LAN -i enp2s0 -p tcp -m multiport --dports 22,8443 -j ACCEPT
-A LAN -p icmp --icmp-type echo-request -j ACCEPT
-A LAN -j RETURN
-A REFUSE -p tcp -j REJECT --reject-with tcp-reset
-A REFUSE -j REJECT
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o ppp0 -p tcp --dport 25 -g REFUSE
-A FORWARD -i enp2s0 -o ppp0 -p tcp --dport 25 -j REFUSE
-A FORWARD -i enp3s0 -o ppp0 -p tcp --dport 25 -j REFUSE
-A FORWARD -o ppp0 -j ACCEPT
-A FORWARD -i enp2s0 -o enp3s0 ! -p udp -j ACCEPT
-A FORWARD -i enp2s0 -o enp3s0 -p tcp -m multiport ! --dports 1:79,81:65535 -j ACCEPT
-A FORWARD -i ppp0 -d 10.0.0.20 -p tcp --dport 80 -j ACCEPT
-A FORWARD -i ppp0 -d 10.0.0.20 -j DROP
-A FORWARD -i ppp0 -m conntrack --ctstate DNAT -j ACCEPT
COMMIT
`

/** Only the web, names and time are let out, and nothing of the guests. */
const OUT = `*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -o ppp0 -j MASQUERADE
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
-A INPUT -p tcp --dport 22 -s 10.0.0.0/255.255.255.0 -j ACCEPT
-A INPUT -p tcp --dport 8443 -s 10.0.0.0/16 -j ACCEPT
-A FORWARD -m state --state ESTABLISHED,RELATED -j ACCEPT
-A FORWARD -i enp2s0 -p tcp -m multiport --dports http,https -j ACCEPT
-A FORWARD -i enp2s0 -p udp --dport domain -j ACCEPT
-A FORWARD -i enp2s0 -p udp --dport 123 -j ACCEPT
-A FORWARD -i enp2s0 -p icmp -j ACCEPT
COMMIT
`

export const CASES: Readonly<Record<string, Case>> = {
  article: {
    hasGuest: false,
    forwards: [],
    differences: [
      { ...SERVICES, packets: /^(laptop|host 66) to the router, (tcp 53|udp 53|udp 67)$/ },
      SPOOFED,
      {
        packets: /^(Internet to the laptop|Internet to a container)/,
        why: 'FORWARD accepted what a neighbour on the link of the provider sends to our addresses',
        said: /policy ACCEPT of FORWARD from the WAN/,
      },
    ],
    pass: [
      'laptop to the router, tcp 22',
      'laptop to the router, ping',
      'laptop to the Internet, tcp 443',
      'laptop to the Internet, udp 53',
      'an answer to the laptop, tcp',
      'an answer to the laptop, udp',
      'an answer to the router, udp',
    ],
    blocked: [
      'laptop to the router, udp 5514',
      'laptop to the router, tcp 24224',
      'laptop to the router, tcp 3306',
      'Internet to the router, tcp 22',
      'Internet to the router, udp 53',
      'Internet to the router, ping',
      'Internet to a container, tcp 80',
      'no answer to the laptop, tcp',
    ],
  },
  office: {
    hasGuest: true,
    iptables: OFFICE,
    forwards: [
      { from: '198.51.100.10', protocol: 'tcp', port: 8080, host: '10.0.0.20', toPort: 80 },
      { from: '198.51.100.10', protocol: 'udp', port: 5000, host: '10.0.0.21', toPort: 5000 },
      { from: '198.51.100.10', protocol: 'udp', port: 6005, host: '10.0.0.21', toPort: 6005 },
      { from: '198.51.100.10', protocol: 'udp', port: 6011, host: '10.0.0.21', toPort: 6011 },
      { from: '198.51.100.7', protocol: 'tcp', port: 2222, host: '10.0.2.5', toPort: 22 },
      { from: '198.51.100.10', protocol: 'tcp', port: 2222, host: '10.0.2.5', toPort: 22 },
      { from: '198.51.100.10', protocol: 'tcp', port: 3306, host: '10.0.0.20', toPort: 3306 },
    ],
    differences: [
      { ...SERVICES, packets: /^(laptop|guest) to the router, (tcp 53|udp 53|udp 67)$/ },
      SPOOFED,
      DIRECT,
      {
        packets: /^laptop to the guest, (tcp (?!80$)|ping)/,
        why: 'all protocols but one cannot be said',
        said: /all protocols but udp/,
      },
    ],
    pass: [
      'laptop to the router, tcp 8443',
      'laptop to the guest, tcp 80',
      'guest to the router, ping',
      'guest to the Internet, tcp 443',
      'Internet to the router, udp 51820',
      'friend to the router, tcp 22',
      'forward tcp 8080 for 198.51.100.10 to 10.0.0.20:80',
      'forward udp 6005 for 198.51.100.10 to 10.0.0.21:6005',
      'forward tcp 2222 for 198.51.100.7 to 10.0.2.5:22',
    ],
    blocked: [
      'host 66 to the router, tcp 22',
      'laptop to the Internet, tcp 25',
      'guest to the laptop, tcp 80',
      'guest to the router, tcp 22',
      'Internet to the router, tcp 22',
      'forward tcp 2222 for 198.51.100.10 to 10.0.2.5:22',
      'forward tcp 3306 for 198.51.100.10 to 10.0.0.20:3306',
    ],
  },
  'only some ways out': {
    hasGuest: true,
    iptables: OUT,
    forwards: [],
    differences: [
      { ...SERVICES, packets: /^(laptop|guest|host 66) to the router, (tcp 53|udp 53|udp 67)$/ },
      {
        ...SPOOFED,
        packets:
          /^(laptop as a stranger to the Internet, (tcp (80|443)|udp (53|123)|ping)|Internet as the laptop to the router, tcp (22|8443))$/,
      },
    ],
    pass: [
      'laptop to the Internet, tcp 443',
      'laptop to the Internet, udp 53',
      'laptop to the Internet, ping',
    ],
    blocked: [
      'laptop to the Internet, tcp 22',
      'laptop to the Internet, udp 443',
      'guest to the Internet, tcp 80',
    ],
  },
}
