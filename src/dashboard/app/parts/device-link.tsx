import { t } from '../i18n/messages.ts'
import { timeQuery } from '../time-query.ts'
import { Told } from './text.tsx'

/** Where a device's page is; the time range of the view comes along. */
export function devicePath(id: string): string {
  const query = timeQuery.value
  return `/devices/${encodeURIComponent(id)}${query === '' ? '' : `?${query}`}`
}

interface DeviceLinkProps {
  readonly id?: string | undefined
  readonly name?: string | undefined
  /** What it is called without a name: an address. */
  readonly otherwise?: string | undefined
}

/** A device by its name; a link where it has a page. */
export function DeviceLink({ id, name, otherwise }: DeviceLinkProps) {
  const text = name ?? otherwise ?? id ?? t.value.devices.unnamed
  if (id === undefined) return <Told text={text} />
  return (
    <a href={devicePath(id)}>
      <Told text={text} />
    </a>
  )
}
