import type { Action, ActionResult, ErrorReport } from '../api.ts'
import type { Read } from './reads.ts'

/** Why there is no answer: what the server said, or that there was none (status 0). */
export interface Problem {
  readonly status: number
  readonly error: string
  readonly fix?: string
}

export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: Problem }

/** Asks the API. Never throws but when it is told to stop by the signal. */
export async function ask<T>(read: Read<T>, signal?: AbortSignal): Promise<Answer<T>> {
  return answerOf<T>(read.path, { headers: { accept: 'application/json' }, ...(signal && { signal }) })
}

export function signIn(
  proof: { readonly password: string } | { readonly link: string },
): Promise<Answer<unknown>> {
  return post('/api/sign-in', proof)
}

export function signOut(): Promise<Answer<unknown>> {
  return post('/api/sign-out', {})
}

/** Has the router changed. What it refuses is an answer too. */
export async function act(action: Action): Promise<ActionResult> {
  const answer = await post<ActionResult>('/api/actions', action)
  if (answer.ok) return answer.value
  const { error, fix } = answer.problem
  return { ok: false, problem: error, ...(fix !== undefined && { fix }) }
}

function post<T>(path: string, body: unknown): Promise<Answer<T>> {
  return answerOf<T>(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
  })
}

async function answerOf<T>(path: string, init: RequestInit): Promise<Answer<T>> {
  let response: Response
  try {
    response = await fetch(path, { ...init, credentials: 'same-origin', redirect: 'error' })
  } catch (error) {
    if (init.signal?.aborted) throw error
    return { ok: false, problem: { status: 0, error: '' } }
  }
  const body: unknown = await response.json().catch(() => undefined)
  if (response.ok) return { ok: true, value: body as T }
  const told = isErrorReport(body) ? body : { error: response.statusText || `HTTP ${response.status}` }
  return { ok: false, problem: { status: response.status, ...told } }
}

function isErrorReport(value: unknown): value is ErrorReport {
  return typeof value === 'object' && value !== null && 'error' in value && typeof value.error === 'string'
}
