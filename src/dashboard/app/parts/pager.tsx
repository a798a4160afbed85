import { t } from '../i18n/messages.ts'
import { place, withQuery } from '../location.ts'
import { Icon } from './icons.tsx'

/** On to older rows, and back to the newest; the browser's back goes one step. */
export function Pager({ next }: { readonly next: string | undefined }) {
  const later = place.value.query.has('cursor')
  if (!later && next === undefined) return null
  return (
    <nav class="pager" aria-label={t.value.list.pages}>
      {later && (
        <a class="button" href={withQuery({ cursor: undefined })}>
          <Icon name="back" /> {t.value.list.newest}
        </a>
      )}
      {next !== undefined && (
        <a class="button" href={withQuery({ cursor: next })}>
          {t.value.list.older} <Icon name="next" />
        </a>
      )}
    </nav>
  )
}
