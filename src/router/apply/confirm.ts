import { generationPath, generationTarget, linkedGeneration } from '../generation/generation.ts'
import type { Host } from '../host.ts'
import { PATHS } from '../paths.ts'
import { disarm, now, readGuard } from './guard.ts'
import { type Session, sameSession } from './session.ts'
import { isToken } from './token.ts'

export interface ConfirmOptions {
  readonly host: Host
  /** The token that apply printed; without one, only the session that applied confirms. */
  readonly token?: string
  readonly session: Session
  readonly lockSecs?: number
}

export type ConfirmResult =
  | {
      readonly ok: true
      readonly generation: number
      /** Where the router.yaml is kept that a rollback has put another in place of. */
      readonly keptYaml?: string
    }
  | { readonly ok: false; readonly message: string }

/** Keeps the generation that waits: boot starts it from now on, and nothing undoes it by itself. */
export async function confirm(options: ConfirmOptions): Promise<ConfirmResult> {
  const { host, lockSecs = 30 } = options
  const release = await host.lock(PATHS.lock, lockSecs)
  if (!release)
    return refuse('an apply is under way, and did not end in time. Fix: wait for its end, then try again')
  try {
    return await confirmLocked(options)
  } finally {
    await release()
  }
}

function refuse(message: string): ConfirmResult {
  return { ok: false, message }
}

async function confirmLocked({ host, token, session }: ConfirmOptions): Promise<ConfirmResult> {
  const state = await readGuard(host)
  const current = await linkedGeneration(host, PATHS.current)
  if (state?.phase !== 'waiting' || current !== state.to)
    return refuse('nothing waits to be confirmed: it was confirmed or undone already, see "sekisho status"')
  if (now() >= (state.deadline ?? 0))
    return refuse(`generation ${state.to} was not confirmed in time and is being undone. Fix: apply it again`)
  const anchors = state.session?.anchors ?? []
  const { audit } = state.session ?? {}
  const same = sameSession(session, { anchors, ...(audit !== undefined && { audit }) })
  if (token === undefined && !same)
    return refuse(
      'another session applied this. Fix: confirm from there, or with the token that apply printed: sekisho confirm TOKEN',
    )
  if (token !== undefined && !isToken(token, state.tokenHash ?? ''))
    return refuse('this is not the token that apply printed. Fix: look at its lines again')
  await host.symlink(generationTarget(state.to), PATHS.confirmed)
  const keptYaml = state.restoresYaml ? await restoreYaml(host, state.to) : undefined
  await disarm(host)
  return { ok: true, generation: state.to, ...(keptYaml !== undefined && { keptYaml }) }
}

/**
 * Makes the router.yaml that a generation was made from the user's own again; the one that is there is kept beside
 * it. Returns its new path, or undefined when they are the same.
 */
export async function restoreYaml(host: Host, generation: number): Promise<string | undefined> {
  const text = await host.read(`${generationPath(generation)}/router.yaml`)
  const there = await host.read(PATHS.config)
  if (text === undefined || text === there) return undefined
  const kept = `${PATHS.config}.before-generation-${generation}`
  const stat = await host.stat(PATHS.config)
  const mode = stat?.kind === 'file' ? stat.mode : 0o644
  if (there !== undefined) await host.write(kept, there, mode)
  await host.write(PATHS.config, text, mode)
  return there === undefined ? undefined : kept
}
