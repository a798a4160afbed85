import type { ComponentChildren } from 'preact'
import { isPhone } from './phone.ts'

export interface Column<R> {
  readonly head: string
  readonly cell: (row: R) => ComponentChildren
  /** Numbers stand right; `grow` takes the room that is left. */
  readonly kind?: 'number' | 'grow'
}

interface RowsProps<R> {
  /** For screen readers. */
  readonly label: string
  readonly rows: readonly R[]
  readonly keyOf: (row: R) => string
  readonly columns: readonly Column<R>[]
  /** The same on a phone. */
  readonly card: (row: R) => ComponentChildren
}

/** A table; on a phone a list of cards. */
export function Rows<R>({ label, rows, keyOf, columns, card }: RowsProps<R>) {
  if (isPhone.value) {
    return (
      <ul class="cards" aria-label={label}>
        {rows.map((row) => (
          <li key={keyOf(row)}>{card(row)}</li>
        ))}
      </ul>
    )
  }
  return (
    <table class="rows" aria-label={label}>
      <thead>
        <tr>
          {columns.map(({ head, kind }) => (
            <th key={head} scope="col" class={kind}>
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>
            {columns.map(({ head, kind, cell }) => (
              <td key={head} class={kind}>
                {cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
