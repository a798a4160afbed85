import { z } from 'zod'

/*
 * What may be asked of the host over its socket, and nothing else: a line of JSON for each request, answered by one. Who
 * asks is not trusted, so every shape is closed: an unknown key is refused, and no text goes further than its pattern.
 */

const MacAddress = z.string().regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/, 'a MAC address in lower case')
/** As router.yaml has it (RFC 1123 section 2.1). */
const HostLabel = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a host name in lower case')
const Generation = z.int().min(1).max(999_999_999)

/** A change of the router. */
export const Action = z
  .discriminatedUnion('action', [
    z.strictObject({ action: z.literal('rename'), macAddress: MacAddress, name: HostLabel }),
    z.strictObject({
      action: z.literal('reserve'),
      macAddress: MacAddress,
      address: z.ipv4(),
      name: HostLabel,
    }),
    z.strictObject({ action: z.literal('pause'), macAddress: MacAddress }),
    z.strictObject({ action: z.literal('resume'), macAddress: MacAddress }),
  ])
  .readonly()
export type Action = z.output<typeof Action>

const Question = z
  .discriminatedUnion('ask', [
    z.strictObject({ ask: z.enum(['status', 'generations', 'plan', 'leases', 'cost']) }),
    // What is open in connection tracking now; the MAC addresses of the devices that are paused.
    z.strictObject({ ask: z.enum(['connections', 'paused']) }),
    z.strictObject({ ask: z.literal('diff'), a: Generation, b: Generation }),
  ])
  .readonly()
export type Question = z.output<typeof Question>

/** A request to the host. */
export type AgentRequest = Question | Action

/** Of an action: the generation that it made, or why not. */
export type ActionResult =
  | { readonly ok: true; readonly generation: number; readonly summary: string }
  | { readonly ok: false; readonly problem: string; readonly fix?: string }

/** A connection that is there now, of connection tracking. Bytes are of IP packets and from the device's side. */
export interface OpenConnection {
  /** The MAC address of the device of ours that it is about. */
  readonly deviceId?: string
  readonly device?: string
  readonly protocol: string
  readonly source: string
  readonly sourcePort?: number
  readonly destination: string
  readonly destinationPort?: number
  /** What the device had asked DNS for. */
  readonly name?: string
  readonly state?: string
  readonly startMs?: number
  readonly down: number
  readonly up: number
}

/** Longer lines are refused. */
export const MAX_LINE_BYTES = 64 * 1024

export type Answer =
  | { readonly id: string | null; readonly ok: true; readonly value: unknown }
  | { readonly id: string | null; readonly ok: false; readonly problem: string; readonly fix?: string }

const Id = z.object({ id: z.string().min(1).max(64) })

export type ParsedLine =
  | { readonly id: string; readonly request: AgentRequest }
  | { readonly id: string | null; readonly problem: string }

/** Reads a line: the request and its id, or what is wrong with it. Never throws. */
export function parseLine(line: string): ParsedLine {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return { id: null, problem: 'the request is not JSON' }
  }
  const named = Id.safeParse(value)
  if (!named.success) return { id: null, problem: 'the request has no id of 1 to 64 characters' }
  const { id, ...rest } = value as { id: string }
  const request = 'action' in rest ? Action.safeParse(rest) : Question.safeParse(rest)
  if (request.success) return { id, request: request.data }
  const issue = request.error.issues[0]
  return { id, problem: `there is no such request: ${[...(issue?.path ?? []), issue?.message].join(': ')}` }
}
