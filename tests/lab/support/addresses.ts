import { z } from 'zod'
import type { Host } from '../../../src/lab/host.ts'
import { contains, parseIp, prefixOf } from '../../../src/lib/ip.ts'

const Links = z.array(
  z.object({
    ifname: z.string().optional(),
    address: z.string().optional(),
    addr_info: z.array(z.object({ family: z.string(), local: z.string(), scope: z.string() }).partial()),
  }),
)

/** A host's addresses on one port; the first of each kind. */
export interface Addresses {
  readonly mac: string
  readonly v4: string
  /** Unique local (fc00::/7). */
  readonly ula: string
  /** Global and not unique local. */
  readonly gua: string
  readonly linkLocal: string
}

/**
 * What a host has on a port now; of prefixes that an earlier test gave and took away it may still have addresses: with
 * `router`, they are in the prefixes of that one. Throws when it lacks a kind: every client of the lab has them all.
 */
export async function addressesOf(host: Host, port = 'eth0', router?: Addresses): Promise<Addresses> {
  const text = await host.execOk(['ip', '-json', 'address', 'show', 'dev', port])
  const [link] = Links.parse(JSON.parse(text)).filter((l) => l.addr_info.length > 0)
  const all = (link?.addr_info ?? []).flatMap(({ family, local, scope }) =>
    local === undefined ? [] : [{ family, local, scope }],
  )
  const pick = (what: string, is: (a: (typeof all)[number]) => boolean): string => {
    const found = all.find(is)
    if (found === undefined) throw new Error(`${host.name} has no ${what} address on ${port}: ${text}`)
    return found.local
  }
  const isIn = (address: string, of: string | undefined) => {
    const [ip, base] = [parseIp(address), of === undefined ? undefined : parseIp(of)]
    return base === undefined || (ip !== undefined && contains(prefixOf(base, 64), ip))
  }
  const isUla = (address: string) => /^f[cd]/i.test(address)
  return {
    mac: link?.address ?? '',
    v4: pick('IPv4', (a) => a.family === 'inet' && a.scope === 'global'),
    ula: pick(
      'unique local',
      (a) => a.family === 'inet6' && a.scope === 'global' && isUla(a.local) && isIn(a.local, router?.ula),
    ),
    gua: pick(
      'global IPv6',
      (a) => a.family === 'inet6' && a.scope === 'global' && !isUla(a.local) && isIn(a.local, router?.gua),
    ),
    linkLocal: pick('link-local', (a) => a.family === 'inet6' && a.scope === 'link'),
  }
}

/** Every address of a host but those of its loopback, with the port it is on. */
export async function allAddresses(
  host: Host,
): Promise<{ readonly port: string; readonly address: string; readonly linkLocal: boolean }[]> {
  const text = await host.execOk(['ip', '-json', 'address', 'show'])
  return Links.parse(JSON.parse(text))
    .filter((link) => link.ifname !== 'lo')
    .flatMap((link) =>
      link.addr_info.flatMap(({ local, scope }) =>
        local === undefined ? [] : [{ port: link.ifname ?? '', address: local, linkLocal: scope === 'link' }],
      ),
    )
}
