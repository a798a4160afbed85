import { isIPv4 } from 'node:net'
import { z } from 'zod'
import { contains, parseCidr, parseIp } from '../lib/ip.ts'
import type { AgentConfig } from '../router/render/agent.ts'

export type KnownNetwork = Pick<AgentConfig['networks'][number], 'name' | 'prefix' | 'reservations'>

/** A lease for people: whose address it is, and until when. */
export interface ListedLease {
  readonly address: string
  /** What the device called itself, any text; '' when nothing. */
  readonly name: string
  readonly mac?: string
  readonly clientId?: string
  /** '' when its address is in no network of ours any more. */
  readonly network: string
  readonly state: 'in use' | 'over' | 'declined' | 'released'
  /** When the device last asked, and when the lease ends, in UTC; null when it has no end. */
  readonly asked: string
  readonly ends: string | null
  /** router.yaml has this address for this device. */
  readonly reserved: boolean
}

/** Kea's result codes: done, and "nothing found". */
const DONE = 0
const EMPTY = 3
/** A lease without an end (RFC 2131 section 3.3). */
const INFINITE = 0xffff_ffff

const Answer = z.object({
  result: z.int(),
  text: z.string().default('no reason'),
  arguments: z.object({ leases: z.array(z.unknown()).default([]) }).default({ leases: [] }),
})

/** Seconds since 1970 that a Date can hold. */
const Seconds = z
  .int()
  .min(0)
  .max(8_640_000_000_000 - INFINITE)

const KeaLease = z.object({
  'ip-address': z.string().refine(isIPv4),
  hostname: z.string().default(''),
  'hw-address': z.string().optional(),
  'client-id': z.string().optional(),
  cltt: Seconds,
  'valid-lft': z.int().min(0).max(INFINITE),
  state: z.int(),
})
type KeaLease = z.output<typeof KeaLease>

/**
 * The leases of Kea's answer to lease4-get-all, by address. One that is not what Kea documents is left out; throws on an
 * answer that holds none at all.
 */
export function listedLeases(reply: string, networks: readonly KnownNetwork[], nowMs: number): ListedLease[] {
  const answer = Answer.parse(JSON.parse(reply))
  if (answer.result !== DONE && answer.result !== EMPTY) throw new Error(answer.text.slice(0, 200))
  const leases = answer.arguments.leases.flatMap((entry) => KeaLease.safeParse(entry).data ?? [])
  return leases
    .toSorted((a, b) => number(a['ip-address']) - number(b['ip-address']))
    .map((lease) => listed(lease, networks, nowMs))
}

/** Whether Kea's answer to lease4-del says that there was such a lease; throws when it says neither. */
export function released(reply: string): boolean {
  const { result, text } = Answer.pick({ result: true, text: true }).parse(JSON.parse(reply))
  if (result !== DONE && result !== EMPTY) throw new Error(text.slice(0, 200))
  return result === DONE
}

function listed(lease: KeaLease, networks: readonly KnownNetwork[], nowMs: number): ListedLease {
  const { 'ip-address': address, 'hw-address': hardware, 'client-id': client, cltt } = lease
  const mac = hardware?.toLowerCase()
  const network = networkOf(address, networks)
  const endless = lease['valid-lft'] === INFINITE
  const endMs = (cltt + lease['valid-lft']) * 1000
  return {
    address,
    name: lease.hostname,
    ...(mac && { mac }),
    ...(client && { clientId: client }),
    network: network?.name ?? '',
    state: STATES[lease.state] ?? (endless || endMs > nowMs ? 'in use' : 'over'),
    asked: new Date(cltt * 1000).toISOString(),
    ends: endless ? null : new Date(endMs).toISOString(),
    reserved: network?.reservations.some((one) => one.mac === mac && one.address === address) ?? false,
  }
}

/** Kea's states beside 0, a lease that was given out. */
const STATES: Readonly<Record<number, ListedLease['state']>> = { 1: 'declined', 2: 'over', 3: 'released' }

/** The network that an address lies in. */
export function networkOf(address: string, networks: readonly KnownNetwork[]): KnownNetwork | undefined {
  const ip = parseIp(address)
  return networks.find(({ prefix }) => {
    const cidr = parseCidr(prefix)
    return ip && cidr && contains(cidr.prefix, ip)
  })
}

function number(address: string): number {
  return Number(parseIp(address)?.value ?? 0)
}
