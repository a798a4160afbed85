import { withQuery } from '../location.ts'

interface ChipsProps<V extends string> {
  readonly label: string
  /** Of the address's query. */
  readonly name: string
  readonly value: V | undefined
  readonly choices: readonly { readonly value: V | undefined; readonly text: string }[]
}

/** A filter with a few choices. Each is a link: to the same view with it. */
export function Chips<V extends string>({ label, name, value, choices }: ChipsProps<V>) {
  return (
    <nav class="chips" aria-label={label}>
      {choices.map((choice) => (
        <a
          key={choice.value ?? ''}
          class="chip"
          href={withQuery({ [name]: choice.value, cursor: undefined })}
          aria-current={choice.value === value ? 'true' : undefined}
        >
          {choice.text}
        </a>
      ))}
    </nav>
  )
}
