import { printable } from '../../../lib/printable.ts'
import { t } from '../i18n/messages.ts'
import { navigate, place, withQuery } from '../location.ts'
import { reads } from '../reads.ts'
import { spanOf } from '../span.ts'
import { useRead } from '../use-read.ts'

/** The latest seen; others are found by their own page. */
const MOST = 300

/** Of which device a list is. */
export function ClientFilter() {
  const client = place.value.query.get('client') ?? ''
  // Any short time: it is about who there is.
  const { value } = useRead(reads.devices(spanOf(new URLSearchParams(), Date.now(), '1h')))
  const devices = (value?.devices ?? [])
    .slice(0, MOST)
    .map(({ id, name, macAddress }) => ({ id, name: name ?? macAddress }))
  const unknown = client !== '' && !devices.some(({ id }) => id === client)
  return (
    <span class="select">
      <select
        aria-label={t.value.list.device}
        value={client}
        onChange={(event) => navigate(withQuery({ client: event.currentTarget.value, cursor: undefined }))}
      >
        <option value="">{t.value.list.everyone}</option>
        {unknown && <option value={client}>{printable(client)}</option>}
        {devices
          .toSorted((a, b) => a.name.localeCompare(b.name))
          .map(({ id, name }) => (
            <option key={id} value={id}>
              {printable(name)}
            </option>
          ))}
      </select>
    </span>
  )
}
