import { z } from 'zod'
import type { Texts } from './generated.ts'
import type { Host } from './host.ts'

/** What our networkd files ask of one device; only what holds with and without a carrier. */
export interface WantedLink {
  readonly device: string
  /** Whether it is there whatever is plugged in: a bridge; a VLAN goes with its port. */
  readonly made: boolean
  /** Static addresses with their prefix lengths. */
  readonly addresses: readonly string[]
  /** The bridge it is a port of. */
  readonly bridge?: string
}

/** What the kernel says of a device. */
export interface LiveLink {
  readonly addresses: readonly string[]
  readonly bridge?: string
}

/** The links that the .network and .netdev files among these texts describe, sorted by device. */
export function wantedLinks(files: Texts): WantedLink[] {
  const folder = 'host/etc/systemd/network/'
  const texts = (suffix: string) =>
    files.filter(({ path }) => path.startsWith(folder) && path.endsWith(suffix)).map(({ text }) => text)
  const nameOf = (text: string) => /^Name=(.+)$/m.exec(text)?.[1]
  const bridges = texts('.netdev').filter((text) => /^Kind=bridge$/m.test(text))
  const made = new Set(bridges.flatMap((text) => nameOf(text) ?? []))
  return texts('.network')
    .flatMap((text): WantedLink[] => {
      const device = nameOf(text)
      if (device === undefined) return []
      const steady = /^ConfigureWithoutCarrier=yes$/m.test(text)
      const addresses = [...text.matchAll(/^Address=(\S+)$/gm)].map((match) => match[1] ?? '')
      const bridge = /^Bridge=(.+)$/m.exec(text)?.[1]
      return [
        { device, made: made.has(device), addresses: steady ? addresses : [], ...(bridge && { bridge }) },
      ]
    })
    .toSorted((a, b) => (a.device < b.device ? -1 : 1))
}

const Links = z.array(
  z.object({
    ifindex: z.number(),
    ifname: z.string(),
    /** Its link-layer address; a tunnel has none. */
    address: z.string().optional(),
    master: z.string().optional(),
    addr_info: z
      .array(z.object({ family: z.string(), local: z.string(), prefixlen: z.number() }).partial())
      .default([]),
  }),
)

/** All links of the machine as ip(8) prints them; undefined when the kernel cannot be asked. */
export async function readLinks(host: Host): Promise<z.output<typeof Links> | undefined> {
  const { code, stdout } = await host.exec(['ip', '-json', 'address', 'show'])
  if (code !== 0 || stdout.trim() === '') return undefined
  return Links.parse(JSON.parse(stdout))
}

/** All links of the machine by name; undefined when the kernel cannot be asked. */
export async function observeLinks(host: Host): Promise<Readonly<Record<string, LiveLink>> | undefined> {
  const links = await readLinks(host)
  return (
    links &&
    Object.fromEntries(
      links.map(({ ifname, master, addr_info }) => [
        ifname,
        {
          addresses: addr_info.flatMap(({ local, prefixlen }) =>
            local === undefined ? [] : [`${local}/${prefixlen}`],
          ),
          ...(master !== undefined && { bridge: master }),
        },
      ]),
    )
  )
}

/** The wanted links that are not so, each with what is amiss; a port that is not plugged into the machine is none. */
export function amissLinks(
  wanted: readonly WantedLink[],
  live: Readonly<Record<string, LiveLink>>,
): { readonly device: string; readonly why: string }[] {
  return wanted.flatMap(({ device, made, addresses, bridge }) => {
    const link = live[device]
    if (link === undefined) return made ? [{ device, why: `${device} is missing` }] : []
    const missing = addresses.filter((address) => !link.addresses.includes(canonical(address)))
    if (missing.length > 0) return [{ device, why: `${device} has lost ${missing.join(', ')}` }]
    return bridge === undefined || bridge === link.bridge
      ? []
      : [{ device, why: `${device} has left ${bridge}` }]
  })
}

/** An address with its prefix length as the kernel prints it (RFC 5952). */
function canonical(address: string): string {
  const [host = '', length] = address.split('/')
  return host.includes(':') ? `${new URL(`http://[${host}]`).hostname.slice(1, -1)}/${length}` : address
}
