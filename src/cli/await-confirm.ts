import { now, readGuard } from '../router/apply/guard.ts'
import { linkedGeneration } from '../router/generation/generation.ts'
import type { Host } from '../router/host.ts'
import { PATHS } from '../router/paths.ts'

const LOOK_MS = 250

/**
 * Waits until the generation that waits was confirmed (true) or undone (false), and says how long there is. What
 * decides is not here: the timer, and who confirms. `gone` ends the waiting without either (undefined).
 */
export async function awaitConfirm(
  host: Host,
  generation: number,
  { say, gone }: { readonly say: (line: string) => void; readonly gone: AbortSignal },
): Promise<boolean | undefined> {
  const seconds = new Seconds(say)
  let goingBack = false
  while (!gone.aborted) {
    const state = await readGuard(host)
    if (state === undefined) {
      seconds.end()
      return (await linkedGeneration(host, PATHS.confirmed)) === generation
    }
    const left = Math.ceil((state.deadline ?? 0) - now())
    if (left > 0) seconds.show(left)
    else if (!goingBack) {
      goingBack = true
      seconds.end()
      say('the time is over: going back')
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  seconds.end()
  return undefined
}

/** The seconds left: counted down in one line of a terminal, said now and then elsewhere. */
class Seconds {
  readonly #say: (line: string) => void
  #shown: number | undefined

  constructor(say: (line: string) => void) {
    this.#say = say
  }

  show(left: number): void {
    if (left === this.#shown) return
    if (process.stderr.isTTY) process.stderr.write(`\r  ${left} s left to confirm  `)
    else if (this.#shown === undefined || left % 10 === 0) this.#say(`${left} s left to confirm`)
    this.#shown = left
  }

  end(): void {
    if (process.stderr.isTTY && this.#shown !== undefined) process.stderr.write('\r\u001b[K')
    this.#shown = undefined
  }
}
