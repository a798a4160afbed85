import type { Host } from '../router/host.ts'
import type { Router } from '../router/model.ts'
import { findSshSession, wouldCut } from '../router/takeover/ssh.ts'
import type { ApplyFlags } from './run-apply.ts'

export interface CutFlags extends Pick<ApplyFlags, 'confirm'> {
  readonly force?: boolean
}

export const FORCE = ['--force', 'even when it ends the SSH session that runs this'] as const

/**
 * Why this router must not be made of the machine from here, in words: it would end the SSH session that runs us. What is
 * undone by itself may: whoever is cut off comes back to what was before, or by the new way. `fix` is what else helps.
 */
export async function refusedCut(
  host: Host,
  router: Router,
  { force, confirm }: CutFlags,
  fix = '',
): Promise<string | undefined> {
  if (force || confirm !== undefined) return undefined
  const session = await findSshSession(host, process.pid)
  const cut = session && wouldCut(session, router)
  if (cut === undefined) return undefined
  return `${cut}. Fix: ${fix}work at the console, use --force, or better --confirm 2m, which undoes it unless you confirm`
}
