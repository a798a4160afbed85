import { z } from 'zod'
import type { AgentRequest, GenerationRow, OpenConnection, TextReport } from '../api.ts'
import { DataProblem } from '../data-problem.ts'

/** Asks the host's agent; rejects with an error that may have a `fix`. */
export type AskAgent = (request: AgentRequest) => Promise<unknown>

/*
 * What only the host knows. Another release may answer: what is not as expected is left out, and never more than a page
 * can show.
 */

const Text = z.string().transform((text) => text.slice(0, 500))
const MOST = 1000

export const HostStatus = z.object({
  release: Text.catch(''),
  generation: z.number().nullable().catch(null),
  confirmed: z.boolean().catch(true),
  confirmWithinSecs: z.number().nullable().catch(null),
  services: z.array(z.object({ module: Text, service: Text, state: Text, image: Text.optional() })).catch([]),
})
export type HostStatus = z.output<typeof HostStatus>

const Generations = z.array(
  z.object({
    number: z.number(),
    createdAt: z.string(),
    author: Text.optional(),
    summary: z.array(Text).catch([]),
    current: z.boolean().catch(false),
    confirmed: z.boolean().catch(false),
  }),
)

const Leases = z.array(
  z.object({
    address: Text,
    mac: Text.optional(),
    ends: z.string().nullable().catch(null),
    reserved: z.boolean().catch(false),
  }),
)
export type Lease = z.output<typeof Leases>[number]

export const HostCost = z.object({
  bills: z.array(
    z.object({ label: z.string(), years: z.number(), storedBytes: z.number(), yen: z.number() }),
  ),
  budgetYen: z.number().optional(),
})
export type HostCost = z.output<typeof HostCost>

const Open = z.array(
  z.object({
    deviceId: Text.optional(),
    device: Text.optional(),
    protocol: Text,
    source: Text,
    sourcePort: z.number().optional(),
    destination: Text,
    destinationPort: z.number().optional(),
    name: Text.optional(),
    state: Text.optional(),
    startMs: z.number().optional(),
    down: z.number().catch(0),
    up: z.number().catch(0),
  }),
)

const Paused = z.array(Text)

const Told = z.object({ text: z.string(), changes: z.boolean() })

/** For pages that do without what the host knows. */
const PATIENCE_MS = 8000
const MAX_TEXT = 1_000_000

export class Host {
  readonly #ask: AskAgent

  constructor(ask: AskAgent) {
    this.#ask = ask
  }

  async status(): Promise<HostStatus> {
    return HostStatus.parse(await this.#answer({ ask: 'status' }))
  }

  async generations(): Promise<GenerationRow[]> {
    const entries = Generations.parse(await this.#answer({ ask: 'generations' }))
    return entries.slice(0, MOST).map(({ number, createdAt, author, summary, current, confirmed }) => ({
      number,
      timeMs: Date.parse(createdAt) || 0,
      ...(author !== undefined && { author }),
      summary: summary.join('; ').slice(0, 2000),
      current,
      confirmed,
    }))
  }

  async leases(): Promise<Lease[]> {
    return Leases.parse(await this.#answer({ ask: 'leases' }))
  }

  async cost(): Promise<HostCost | undefined> {
    // Before anything was recorded it says so in another way.
    return HostCost.safeParse(await this.#answer({ ask: 'cost' })).data
  }

  async connections(): Promise<OpenConnection[]> {
    // What it leaves out it left out: absent and undefined are one.
    return Open.parse(await this.#answer({ ask: 'connections' })) as OpenConnection[]
  }

  /** The MAC addresses of devices that are paused. */
  async paused(): Promise<string[]> {
    return Paused.parse(await this.#answer({ ask: 'paused' }))
  }

  async diff(a: number, b: number): Promise<TextReport> {
    return textReport(await this.#answer({ ask: 'diff', a, b }))
  }

  async plan(): Promise<TextReport> {
    return textReport(await this.#answer({ ask: 'plan' }))
  }

  async #answer(request: AgentRequest): Promise<unknown> {
    try {
      return await this.#ask(request)
    } catch (error) {
      const { message, fix } = error as { readonly message?: unknown; readonly fix?: unknown }
      throw new DataProblem(
        503,
        typeof message === 'string' ? message : 'the host did not answer',
        typeof fix === 'string' ? fix : undefined,
      )
    }
  }
}

function textReport(value: unknown): TextReport {
  const { text, changes } = Told.parse(value)
  return { text: text.slice(0, MAX_TEXT), changes }
}

/** What a page can do without: undefined when it is not there, or not soon. */
export async function unlessLate<T>(answer: Promise<T>, patienceMs = PATIENCE_MS): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), patienceMs)
  })
  try {
    return await Promise.race([answer.catch(() => undefined), late])
  } finally {
    clearTimeout(timer)
  }
}
