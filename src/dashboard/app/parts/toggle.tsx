import { place, withQuery } from '../location.ts'

interface ToggleProps {
  /** Of the address's query, where it is "true" or nothing. */
  readonly name: string
  readonly text: string
}

/** A filter that is on or off; a link, as every filter is. */
export function Toggle({ name, text }: ToggleProps) {
  const on = place.value.query.get(name) === 'true'
  return (
    <a
      class="chip"
      href={withQuery({ [name]: on ? undefined : 'true', cursor: undefined })}
      aria-current={on ? 'true' : undefined}
    >
      {text}
    </a>
  )
}
