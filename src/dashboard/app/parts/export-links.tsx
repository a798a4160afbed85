import { t } from '../i18n/messages.ts'
import { exportAddress, type ListQuery } from '../reads.ts'
import { Icon } from './icons.tsx'

interface ExportLinksProps {
  readonly kind: Parameters<typeof exportAddress>[0]
  readonly query: ListQuery
}

/** All of what a view lists, as files. */
export function ExportLinks({ kind, query }: ExportLinksProps) {
  return (
    <span class="exports">
      <Icon name="export" />
      {(['csv', 'json'] as const).map((format) => (
        <a
          key={format}
          href={exportAddress(kind, format, query)}
          download={`${kind}.${format === 'csv' ? 'csv' : 'jsonl'}`}
          aria-label={t.value.list.exportAs(format.toUpperCase())}
        >
          {format.toUpperCase()}
        </a>
      ))}
    </span>
  )
}
