import { ownCommand } from '../../router/own-command.ts'
import { PATHS } from '../../router/paths.ts'
import { actByCli, askCli } from './cli.ts'
import { openConnections } from './connections.ts'
import { pausedNow } from './paused.ts'
import type { Action, ActionResult, AgentRequest, Question } from './request.ts'

export interface AnswersOptions {
  /** The command line; default this release's. */
  readonly sekisho?: readonly string[]
  readonly connections?: () => Promise<unknown>
  /** The folder of the generation in use. */
  readonly current?: string
  /** How long an answer serves everybody, in milliseconds. */
  readonly keepMs?: number
}

interface Kept {
  readonly value: Promise<unknown>
  /** Of performance.now(); undefined while it is being made. */
  until: number | undefined
}

/** Rates are made of what connections have counted, each second: what was counted before is of no use. */
const CONNECTIONS_MS = 300

/** Answers requests: one child at a time, whoever asks; the same question within seconds is asked once. */
export class Answers {
  readonly #sekisho: readonly string[]
  readonly #connections: () => Promise<unknown>
  readonly #current: string
  readonly #keepMs: number
  readonly #kept = new Map<string, Kept>()
  #questions: Promise<unknown> = Promise.resolve()
  #actions: Promise<unknown> = Promise.resolve()
  #working = 0

  constructor(options: AnswersOptions = {}) {
    this.#sekisho = options.sekisho ?? ownCommand()
    this.#connections = options.connections ?? openConnections
    this.#current = options.current ?? PATHS.current
    this.#keepMs = options.keepMs ?? 3000
  }

  /** Something is under way, whether somebody still waits for it or not. */
  get working(): boolean {
    return this.#working > 0
  }

  /** Throws a RequestProblem for what there is no answer to. An action's result is its value, also a failure. */
  answer(request: AgentRequest): Promise<unknown> {
    return 'action' in request ? this.#act(request) : this.#ask(request)
  }

  #ask(question: Question): Promise<unknown> {
    const key = JSON.stringify(question)
    const known = this.#kept.get(key)
    if (known && (known.until === undefined || performance.now() < known.until)) return known.value
    const value = this.#count(this.#look(question))
    const kept: Kept = { value, until: undefined }
    this.#kept.set(key, kept)
    const forget = (): void => {
      if (this.#kept.get(key) === kept) this.#kept.delete(key)
    }
    const keepMs = question.ask === 'connections' ? Math.min(CONNECTIONS_MS, this.#keepMs) : this.#keepMs
    value.then(() => {
      kept.until = performance.now() + keepMs
      setTimeout(forget, keepMs).unref()
    }, forget)
    return value
  }

  #look(question: Question): Promise<unknown> {
    switch (question.ask) {
      case 'connections':
        return this.#connections()
      case 'paused':
        return pausedNow(this.#current)
      default: {
        const said = this.#questions.then(() => askCli(this.#sekisho, question))
        this.#questions = said.catch(() => undefined)
        return said
      }
    }
  }

  #act(action: Action): Promise<ActionResult> {
    const value = this.#count(this.#actions.then(() => actByCli(this.#sekisho, action)))
    // What is known from before it may be wrong from now on.
    this.#actions = value.catch(() => undefined).finally(() => this.#kept.clear())
    return value
  }

  async #count<T>(work: Promise<T>): Promise<T> {
    this.#working += 1
    try {
      return await work
    } finally {
      this.#working -= 1
    }
  }
}
