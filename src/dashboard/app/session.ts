import { computed, signal } from '@preact/signals'
import type { SessionReport } from '../api.ts'
import { ask, type Problem } from './client.ts'
import { reads } from './reads.ts'

/** Who asks, of which router; undefined until it has answered once. */
export const session = signal<SessionReport | undefined>(undefined)

/** Why the router did not say who we are. */
export const sessionProblem = signal<Problem | undefined>(undefined)

/** Of the router: everybody who looks at it sees the same times. */
export const timezone = computed(() => session.value?.timezone ?? 'UTC')

export async function readSession(): Promise<void> {
  const answer = await ask(reads.session())
  if (answer.ok) session.value = answer.value
  sessionProblem.value = answer.ok ? undefined : answer.problem
}

/** The server no longer knows us: the page asks to sign in, and comes back here. */
export function signedOut(): void {
  if (session.value?.signedIn) session.value = { ...session.value, signedIn: false }
}
