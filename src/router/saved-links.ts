import type { Host } from './host.ts'
import type { LinkSettings } from './link-state.ts'
import { readJson, SAVED } from './observe.ts'
import { writeJson } from './write-json.ts'

type Saved = Readonly<Record<string, LinkSettings>>

/** Keeps how these links were found, unless it is known from an earlier time. */
export async function rememberLinks(host: Host, devices: readonly string[], found: Saved): Promise<void> {
  const saved: Saved = await readJson<Saved>(host, SAVED.links)
  const fresh = devices.flatMap((device) => {
    const settings = found[device]
    return settings === undefined || device in saved ? [] : [[device, settings] as const]
  })
  if (fresh.length > 0) await writeJson(host, SAVED.links, { ...saved, ...Object.fromEntries(fresh) })
}

/** Sets a link that networkd has let go of as it was found. */
export async function giveLinkBack(host: Host, device: string): Promise<void> {
  const { [device]: settings, ...rest }: Saved = await readJson<Saved>(host, SAVED.links)
  if (settings === undefined) return
  const { up, mtu, address, addrgenmode } = settings
  const set = (...args: string[]) => host.exec(['ip', 'link', 'set', 'dev', device, ...args])
  await set('addrgenmode', addrgenmode)
  await set('mtu', String(mtu))
  await set('address', address)
  if (!up) await set('down')
  await writeJson(host, SAVED.links, rest)
}
