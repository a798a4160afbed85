import { isIPv4 } from 'node:net'
import type { Lease } from './lease.ts'
import { socketRequest } from './socket-request.ts'

const TIMEOUT_MS = 5000
/** About 50 000 leases at 300 bytes each. */
const MAX_BYTES = 16 * 1024 * 1024
const INFINITE_LIFETIME = 0xffff_ffff
/** Kea's result code for "nothing found". */
const RESULT_EMPTY = 3
const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i

/**
 * All assigned DHCPv4 leases, over kea's control socket (command lease4-get-all of its lease_cmds hook library).
 * Rejects when kea is away or its answer makes no sense.
 */
export async function keaLeases(socket: string): Promise<Lease[]> {
  return parseLeases(await askKea(socket, 'lease4-get-all'))
}

/** Kea's answer to a command, as text. Rejects when kea is away. */
export function askKea(
  socket: string,
  command: string,
  args?: Readonly<Record<string, string>>,
): Promise<string> {
  const payload = JSON.stringify({ command, ...(args && { arguments: args }) })
  return socketRequest({ path: socket, payload, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES })
}

/**
 * The leases in an answer to lease4-get-all. Declined, released and reclaimed ones, and entries that are not what
 * kea documents, are left out: one bad entry must not take the others' names. Throws on any other answer.
 */
export function parseLeases(reply: string): Lease[] {
  const answer: unknown = JSON.parse(reply)
  const result = field(answer, 'result')
  if (result === RESULT_EMPTY) return []
  const leases = field(field(answer, 'arguments'), 'leases')
  if (result !== 0 || !Array.isArray(leases)) {
    const text = field(answer, 'text')
    throw new Error(`kea answered ${typeof text === 'string' ? text.slice(0, 200) : 'without a lease list'}`)
  }
  return leases.flatMap((entry) => parseLease(entry) ?? [])
}

function parseLease(entry: unknown): Lease | undefined {
  const address = field(entry, 'ip-address')
  const cltt = field(entry, 'cltt')
  const lifetime = field(entry, 'valid-lft')
  const hostname = field(entry, 'hostname')
  if (typeof address !== 'string' || !isIPv4(address)) return undefined
  if (!isCount(cltt) || !isCount(lifetime) || field(entry, 'state') !== 0) return undefined
  const hardware = field(entry, 'hw-address')
  const client = [hardware, field(entry, 'client-id')].find(
    (id): id is string => typeof id === 'string' && id !== '',
  )
  return {
    address,
    hostname: typeof hostname === 'string' ? hostname : '',
    client: (client ?? address).slice(0, 1024),
    ...(typeof hardware === 'string' && MAC.test(hardware) ? { mac: hardware.toLowerCase() } : {}),
    cltt,
    expires: lifetime === INFINITE_LIFETIME ? Number.POSITIVE_INFINITY : cltt + lifetime,
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined
}
