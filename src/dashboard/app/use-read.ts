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

/** Reads now, whenever the path changes, and every `everyMs` while somebody looks. */
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
  useEffect(() => {
    if (everyMs === undefined) return
    const timer = setInterval(() => {
      if (!document.hidden) setTurn((before) => before + 1)
    }, everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  const reload = useCallback(() => setTurn((before) => before + 1), [])
  return { ...state, reload }
}
