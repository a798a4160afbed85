import type { Host } from '../host.ts'
import { generationPath } from './generation.ts'

/** Why a generation is not in use any more though nobody chose another: in words, for the history. */
export interface Undone {
  readonly why: string
  /** ISO 8601; absent when the clock could not be trusted yet (at boot). */
  readonly at?: string
}

function file(number: number): string {
  return `${generationPath(number)}/undone.json`
}

/** Marks a generation that was never confirmed and from which the machine went back; it stays in the history. */
export async function markUndone(host: Host, number: number, why: string): Promise<void> {
  const mark: Undone = { why, at: new Date().toISOString() }
  await host.write(file(number), `${JSON.stringify(mark)}\n`, 0o644)
}

/** The mark of a generation; undefined when it has none. */
export async function readUndone(host: Host, number: number): Promise<Undone | undefined> {
  const text = await host.read(file(number))
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as Undone
  } catch {
    return { why: 'it was not confirmed' }
  }
}
