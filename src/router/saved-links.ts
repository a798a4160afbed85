import { z } from 'zod'
import type { Host } from './host.ts'
import { readJson, SAVED } from './observe.ts'
import { writeJson } from './write-json.ts'

/** What networkd may change of a link and leaves so when it lets go. */
export interface LinkSettings {
  readonly up: boolean
  readonly mtu: number
  /** Its MAC address. */
  readonly address: string
  /** How the kernel makes its IPv6 link-local address: "eui64", "none", … (ip-link(8), addrgenmode). */
  readonly addrgenmode: string
}

type Links = Readonly<Record<string, LinkSettings>>

const Details = z.array(
  z
    .object({
      ifname: z.string(),
      flags: z.array(z.string()),
      mtu: z.number(),
      address: z.string(),
      inet6_addr_gen_mode: z.string(),
    })
    // Tunnels and the like have no MAC address.
    .or(z.unknown().transform(() => undefined)),
)

/** How these devices are now, those of them that are there. */
export async function observeLinkSettings(host: Host, devices: readonly string[]): Promise<Links> {
  if (devices.length === 0) return {}
  const { code, stdout } = await host.exec(['ip', '-json', '-details', 'link', 'show'])
  if (code !== 0 || stdout.trim() === '') return {}
  return Object.fromEntries(
    Details.parse(JSON.parse(stdout)).flatMap((link) => {
      if (link === undefined || !devices.includes(link.ifname)) return []
      const { ifname, flags, mtu, address, inet6_addr_gen_mode: addrgenmode } = link
      return [[ifname, { up: flags.includes('UP'), mtu, address, addrgenmode }] as const]
    }),
  )
}

/** Keeps how links were found, unless it is known from an earlier time. */
export async function rememberLinks(host: Host, found: Links): Promise<void> {
  if (Object.keys(found).length === 0) return
  const saved: Links = await readJson<Links>(host, SAVED.links)
  await writeJson(host, SAVED.links, { ...found, ...saved })
}

/** Sets the MAC address and MTU of links that have their own again: networkd leaves what its files say no more. */
export async function giveOwnBack(host: Host, before: Altered, after: Altered): Promise<void> {
  const saved: Links = await readJson<Links>(host, SAVED.links)
  for (const key of ['address', 'mtu'] as const) {
    for (const device of before[key].filter((name) => !after[key].includes(name))) {
      const own = saved[device]?.[key]
      if (own === undefined) continue
      const set = (...args: string[]) => host.exec(['ip', 'link', 'set', 'dev', device, ...args])
      // Up, it would keep the link-local address that it made of the other one.
      if (key === 'address') await set('down')
      await set(key, String(own))
      if (key === 'address') await set('up')
    }
  }
}

type Altered = Readonly<Record<'address' | 'mtu', readonly string[]>>

/** Sets a link that networkd has let go of as it was found. */
export async function giveLinkBack(host: Host, device: string): Promise<void> {
  const { [device]: settings, ...rest }: Links = await readJson<Links>(host, SAVED.links)
  if (settings === undefined) return
  const { up, mtu, address, addrgenmode } = settings
  const set = (...args: string[]) => host.exec(['ip', 'link', 'set', 'dev', device, ...args])
  // Down, it also loses its link-local addresses; up again, it makes those that it had.
  await set('down')
  await set('addrgenmode', addrgenmode)
  await set('mtu', String(mtu))
  await set('address', address)
  if (up) await set('up')
  await writeJson(host, SAVED.links, rest)
}
