/** The network, small enough for a terminal, and three commands to try. */
export const PICTURE = `
    signed root, example.org, web, time      Internet  203.0.113.0/24, 2001:db8:80::/64
                    |
   attacker        isp                       198.51.100.0/24, 2001:db8:0:1::/64
       |            |
       +-----+------+
             | wan0                          198.51.100.10, a /56 of 2001:db8:100::/40
        +----+-----+
        |  router  |                         Debian 13, systemd, Docker, sekisho
        +-+--+---+-+
     lan0 |  |   | lan1
          |  |   |
     laptop  |  guest1                       guest 10.0.1.0/24
             | lan2
           phone                             home 10.0.0.0/24: laptop and phone

 Try:
   ./sekisho lab exec laptop -- dig +dnssec www.example.org
   ./sekisho lab exec laptop -- curl -6s http://www.example.org/
   ./sekisho lab exec router -- sekisho status
`
