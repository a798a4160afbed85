import { useCallback, useEffect, useState } from 'preact/hooks'
import { ask, type Problem } from './client.ts'
import type { Read } from './reads.ts'
import { signedOut } from './session.ts'

export interface Reading<T> {
  /** The last answer; while another one is awaited it stays, so that nothing jumps. */
  readonly value: T | undefined
  readonly problem: Problem | undefined
  readonly loading: boolean
  readonly reload: () => void
}

const RETRY_MS = 5000
/** No answer, too many requests, or one who is not ready yet: what may be over soon. */
const PASSING: ReadonlySet<number> = new Set([0, 429, 502, 503, 504])

/** Reads now, whenever the path changes, and every `everyMs` while somebody looks; again where that may help. */
export function useRead<T>(read: Read<T> | undefined, everyMs?: number): Reading<T> {
  const [state, setState] = useState<Omit<Reading<T>, 'reload'>>({
    value: undefined,
    problem: undefined,
    loading: true,
  })
  const [turn, setTurn] = useState(0)
  const path = read?.path
  useEffect(() => {
    if (path === undefined) {
      setState({ value: undefined, problem: undefined, loading: false })
      return
    }
    const abort = new AbortController()
    setState((before) => ({ ...before, loading: true }))
    ask<T>({ path }, abort.signal).then(
      (answer) => {
        if (abort.signal.aborted) return
        if (answer.ok) setState({ value: answer.value, problem: undefined, loading: false })
        else {
          if (answer.problem.status === 401) signedOut()
          setState((before) => ({ value: before.value, problem: answer.problem, loading: false }))
        }
      },
      () => undefined,
    )
    return () => abort.abort()
  }, [path, turn])
  const isPassing = state.problem !== undefined && PASSING.has(state.problem.status)
  const pauseMs = isPassing ? RETRY_MS : everyMs
  useEffect(() => {
    if (pauseMs === undefined) return
    const look = (): void => {
      if (!document.hidden) setTurn((before) => before + 1)
    }
    const timer = setInterval(look, pauseMs)
    // Whoever comes back to the page sees what is, not what was when they left.
    document.addEventListener('visibilitychange', look)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }, [pauseMs])
  const reload = useCallback(() => setTurn((before) => before + 1), [])
  return { ...state, reload }
}
