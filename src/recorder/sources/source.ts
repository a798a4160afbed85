import type { Counts } from '../counters.ts'

/** A running source, as main and the status file see it. */
export interface Source {
  readonly name: string
  readonly counts: Counts
  /** "up", or why it is not. */
  state(): string
  /** More figures for the status file: gaps, kernel drops, files followed. */
  details(): Readonly<Record<string, number>>
  /** Stops taking in; what was taken has been offered to the store when it resolves. */
  stop(): Promise<void>
}
