import type { ComponentChildren } from 'preact'
import type { Reading } from '../use-read.ts'
import { Loading, ProblemNote } from './empty.tsx'

interface LoadedProps<T> {
  readonly reading: Reading<T>
  readonly lines?: number
  readonly children: (value: T) => ComponentChildren
}

/** What was read, or that it comes, or why not; what was there before stays under a problem. */
export function Loaded<T>({ reading, lines = 6, children }: LoadedProps<T>) {
  const { value, problem, loading, reload } = reading
  return (
    <>
      {problem !== undefined && <ProblemNote problem={problem} again={reload} />}
      {value !== undefined ? (
        <div class={loading ? 'loaded stale' : 'loaded'} aria-busy={loading}>
          {children(value)}
        </div>
      ) : (
        problem === undefined && <Loading lines={lines} />
      )}
    </>
  )
}
