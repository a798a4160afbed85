import type { Span } from '../../api.ts'
import { navigate, withQuery } from '../location.ts'

/** The same view of another time; back comes back. */
export function zoomTo({ fromMs, toMs }: Span): void {
  navigate(
    withQuery({
      since: undefined,
      from: String(Math.round(fromMs)),
      to: String(Math.round(toMs)),
      cursor: undefined,
    }),
  )
}
