import { ago, full, when } from '../format.ts'

/** Of a Date, milliseconds (ECMA-262, 21.4.1.1). */
const MOST_MS = 8.64e15

/** A moment, short; its date, seconds and zone when pointed at. */
export function When({ ms, relative = false }: { readonly ms: number; readonly relative?: boolean }) {
  if (!(Math.abs(ms) <= MOST_MS)) return <span>–</span>
  return (
    <time dateTime={new Date(ms).toISOString()} title={full(ms)}>
      {relative ? ago(ms) : when(ms)}
    </time>
  )
}
