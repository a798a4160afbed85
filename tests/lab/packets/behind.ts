import { z } from 'zod'
import type { Host } from '../../../src/lab/host.ts'

/*
 * A table of the tests, behind the router's input chain: it notes which of our probes got that far. Datagrams count
 * whether or not a program waits for them, which no answer on the wire could tell.
 */

const TABLE = 'behind'
/** Source ports of probes; everything else that reaches the router is its own business. */
export const PROBE_PORT = 41_234
/** Source ports that answers of DHCP, DHCPv6, DNS and NTP would have: a filter that trusts them is no filter. */
export const TRUSTED_PORTS = [53, 67, 123, 547] as const

const ruleset = `
table inet ${TABLE} {}
delete table inet ${TABLE}
table inet ${TABLE} {
  set udp4 { type ifname . ipv4_addr . inet_service . inet_service; flags dynamic; size 65535; }
  set udp6 { type ifname . ipv6_addr . inet_service . inet_service; flags dynamic; size 65535; }
  set other { type ifname . inet_proto; flags dynamic; size 1000; }
  chain input {
    type filter hook input priority 100; policy accept;
    ip version 4 udp sport { ${PROBE_PORT}, ${TRUSTED_PORTS.join(', ')} } add @udp4 { iifname . ip daddr . udp sport . udp dport }
    ip6 version 6 udp sport { ${PROBE_PORT}, ${TRUSTED_PORTS.join(', ')} } add @udp6 { iifname . ip6 daddr . udp sport . udp dport }
    meta l4proto != { tcp, udp, icmp, icmpv6 } add @other { iifname . meta l4proto }
  }
}
`

export interface Reached {
  readonly port: string
  readonly to: string
  readonly sport: number
  readonly dport: number
}

const Listing = z.object({
  nftables: z.array(
    z.looseObject({
      set: z
        .looseObject({
          name: z.string(),
          elem: z
            .array(
              z.union([
                z.object({ concat: z.array(z.union([z.string(), z.number()])) }),
                z.object({
                  elem: z.object({ val: z.object({ concat: z.array(z.union([z.string(), z.number()])) }) }),
                }),
              ]),
            )
            .default([]),
        })
        .optional(),
    }),
  ),
})

/** Begins to note, from nothing. */
export async function noteBehindInput(router: Host): Promise<void> {
  await router.execOk(['nft', '-f', '-'], { input: ruleset })
}

export async function stopNoting(router: Host): Promise<void> {
  await router.exec(['nft', 'delete', 'table', 'inet', TABLE])
}

async function elements(router: Host): Promise<{ set: string; values: readonly (string | number)[] }[]> {
  const text = await router.execOk(['nft', '-nn', '-j', 'list', 'table', 'inet', TABLE])
  return Listing.parse(JSON.parse(text)).nftables.flatMap(({ set }) =>
    (set?.elem ?? []).map((e) => ({
      set: set?.name ?? '',
      values: 'elem' in e ? e.elem.val.concat : e.concat,
    })),
  )
}

/** Datagrams that passed the input chain. */
export async function datagramsBehindInput(router: Host): Promise<Reached[]> {
  return (await elements(router))
    .filter(({ set }) => set !== 'other')
    .map(({ values: [port, to, sport, dport] }) => ({
      port: String(port),
      to: String(to),
      sport: Number(sport),
      dport: Number(dport),
    }))
}

/** Protocols other than TCP, UDP and ICMP that passed the input chain, "DEVICE NUMBER". */
export async function protocolsBehindInput(router: Host): Promise<string[]> {
  return (await elements(router))
    .filter(({ set }) => set === 'other')
    .map(({ values }) => values.join(' '))
    .sort()
}
