import type { DnsCounts } from './counts.ts'
import { Flow } from './flow.ts'
import { Message } from './message.ts'
import { OpenQueries } from './open-queries.ts'
import { TYPE } from './registry.ts'

export const DEFAULT_TIMEOUT_MS = 5000
/** Of queries that wait: 19 MB when all are taken. */
export const DEFAULT_MAX_OPEN = 65_536

/** A transaction that is over. All of it is good during the call only. */
export interface Transaction {
  readonly status: 'answered' | 'timeout' | 'unasked'
  readonly queries: OpenQueries
  /** Of the query; -1 for a response that nobody asked for. */
  readonly slot: number
  /** The response, and from where to where it went; nothing that counts when there was none. */
  readonly response: Message
  readonly flow: Flow
}

export interface PairsOptions {
  readonly counts: DnsCounts
  readonly timeoutMs?: number
  readonly maxOpen?: number
  readonly over: (transaction: Transaction) => void
  /** A query was seen for the first time: what is returned is kept as its `extra`. */
  readonly keep?: (message: Message) => unknown
}

/**
 * Pairs queries with responses: those of the same client address and port, server, transport, id and question, the name in
 * any case. A query that is sent again while the first one waits is not another one; the first one's time counts. The
 * first response ends the transaction (but a zone transfer has several), so a second one is "unasked", as is one with
 * another question. A query that has no response in time is a "timeout", also when it came too late.
 */
export class Pairs {
  readonly #counts: DnsCounts
  readonly #timeoutMicros: number
  readonly #over: PairsOptions['over']
  readonly #keep: PairsOptions['keep']
  readonly #queries: OpenQueries
  readonly #now: { -readonly [key in keyof Transaction]: Transaction[key] }

  constructor(options: PairsOptions) {
    this.#counts = options.counts
    this.#timeoutMicros = (options.timeoutMs ?? DEFAULT_TIMEOUT_MS) * 1000
    this.#over = options.over
    this.#keep = options.keep
    this.#queries = new OpenQueries(options.maxOpen ?? DEFAULT_MAX_OPEN)
    this.#now = { status: 'answered', queries: this.#queries, slot: -1, response: NO_MESSAGE, flow: NO_FLOW }
  }

  /** Queries that wait. */
  get open(): number {
    return this.#queries.size
  }

  take(message: Message, flow: Flow): void {
    if (message.isResponse) this.#response(message, flow)
    else this.#query(message, flow)
  }

  /** Ends what has waited for too long. A clock that was set back ends nothing. */
  expire(nowMicros: number): void {
    const queries = this.#queries
    for (let slot = queries.oldest; slot >= 0; slot = queries.oldest) {
      if (nowMicros - (queries.timeMicros[slot] ?? 0) < this.#timeoutMicros) return
      this.#timeout(slot)
    }
  }

  /** No more will come. */
  end(): void {
    for (let slot = this.#queries.oldest; slot >= 0; slot = this.#queries.oldest) this.#timeout(slot)
  }

  #query(message: Message, flow: Flow): void {
    const queries = this.#queries
    const same = queries.find(message, flow)
    if (same >= 0) {
      if (queries.answered[same] === 0) {
        this.#counts.retransmissions += 1
        return
      }
      queries.release(same)
    }
    const crowded = queries.isFull ? queries.oldest : queries.crowded(message, flow)
    if (crowded >= 0) {
      this.#counts.crowdedOut += 1
      this.#timeout(crowded)
    }
    const slot = queries.add(message, flow)
    if (this.#keep) queries.extra[slot] = this.#keep(message)
  }

  #response(message: Message, flow: Flow): void {
    const queries = this.#queries
    const slot = queries.find(message, flow)
    if (slot < 0) {
      this.#counts.unasked += 1
      this.#tell('unasked', slot, message, flow)
      return
    }
    this.#counts.answered += 1
    this.#tell('answered', slot, message, flow)
    if (queries.isTcp(slot) && isTransfer(message)) queries.answered[slot] = 1
    else queries.release(slot)
  }

  #timeout(slot: number): void {
    if (this.#queries.answered[slot] === 0) {
      this.#counts.timeouts += 1
      this.#tell('timeout', slot, NO_MESSAGE, NO_FLOW)
    }
    this.#queries.release(slot)
  }

  #tell(status: Transaction['status'], slot: number, response: Message, flow: Flow): void {
    const now = this.#now
    now.status = status
    now.slot = slot
    now.response = response
    now.flow = flow
    this.#over(now)
  }
}

const NO_MESSAGE = new Message()
const NO_FLOW = new Flow()

/** RFC 5936 section 2.2: a zone comes in as many messages as it needs, whose later ones may have no question. */
function isTransfer({ question, questionLength }: Message): boolean {
  if (questionLength === 0) return false
  const type = ((question[questionLength - 4] ?? 0) << 8) | (question[questionLength - 3] ?? 0)
  return type === TYPE.AXFR || type === TYPE.IXFR
}
