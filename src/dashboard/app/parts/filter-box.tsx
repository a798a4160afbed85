import { useEffect, useRef, useState } from 'preact/hooks'
import { t } from '../i18n/messages.ts'
import { navigate, place, withQuery } from '../location.ts'
import { Icon } from './icons.tsx'

interface FilterBoxProps {
  readonly placeholder: string
  /** Of the address's query. */
  readonly name?: string
}

const PATIENCE_MS = 250

/** A text to filter by; it goes into the address when the reader stops typing. */
export function FilterBox({ placeholder, name = 'text' }: FilterBoxProps) {
  const there = place.value.query.get(name) ?? ''
  const [text, setText] = useState(there)
  const typed = useRef(there)
  // Back, or a link: what is in the address counts.
  useEffect(() => {
    if (there !== typed.current) {
      typed.current = there
      setText(there)
    }
  }, [there])
  useEffect(() => {
    if (text === typed.current) return
    const timer = setTimeout(() => {
      typed.current = text
      navigate(withQuery({ [name]: text, cursor: undefined }), 'replace')
    }, PATIENCE_MS)
    return () => clearTimeout(timer)
  }, [text, name])
  return (
    <label class="filter-box">
      <span class="hidden">
        {t.value.list.filter}: {placeholder}
      </span>
      <Icon name="search" />
      <input
        type="search"
        value={text}
        placeholder={placeholder}
        autocomplete="off"
        spellcheck={false}
        maxLength={253}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </label>
  )
}
