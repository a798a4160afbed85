import { Resolver } from 'node:dns/promises'
import { parseIp } from '../lib/ip.ts'
import { type Party, partyOf } from '../prove/find-party.ts'

const TIMEOUT_MS = 3000
/** Host names (RFC 1123 section 2.1) of two labels or more: one label is a device or a zone. */
const NAME = /^(?=.{1,254}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{1,63}\.?$/i

/** Whom a name of DNS means, as the router's own resolver has it; undefined when that has no address. */
export async function partyInDns(name: string): Promise<Party | undefined> {
  if (!NAME.test(name)) return undefined
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 1 })
  const none = (): string[] => []
  const found = await Promise.all([resolver.resolve4(name).catch(none), resolver.resolve6(name).catch(none)])
  const ips = found.flat().flatMap((address) => parseIp(address) ?? [])
  return ips.length === 0 ? undefined : partyOf(name, ips)
}
