import { printable } from '../lib/printable.ts'

/** A thing of the old installation: where it stood, what it was, and what became of it. Never a secret. */
export interface Entry {
  /** "iptables:31", or the name of a file. */
  readonly from: string
  readonly what: string
  /** Why it could not be carried over, what it became, or what to do about it. */
  readonly why?: string
}

export interface Report {
  /** In router.yaml, or without a word there because it is so in any case. */
  readonly carried: readonly Entry[]
  readonly left: readonly Entry[]
  /** What no file said. */
  readonly assumed: readonly Entry[]
  /** What a person has to do. */
  readonly todo: readonly Entry[]
}

/** Collects a report; every text is made one printable line. */
export class ReportBook {
  readonly #entries: Record<keyof Report, Entry[]> = { carried: [], left: [], assumed: [], todo: [] }

  add(section: keyof Report, from: string, what: string, why?: string): void {
    this.#entries[section].push({
      from: line(from),
      what: line(what),
      ...(why !== undefined && { why: line(why) }),
    })
  }

  get report(): Report {
    return this.#entries
  }
}

const MAX_LENGTH = 200

function line(text: string): string {
  const plain = printable(text.replace(/\s+/g, ' ').trim())
  return plain.length > MAX_LENGTH ? `${plain.slice(0, MAX_LENGTH - 1)}…` : plain
}
