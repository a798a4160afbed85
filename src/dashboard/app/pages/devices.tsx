import type { DeviceRow } from '../../api.ts'
import { count } from '../format.ts'
import { t } from '../i18n/messages.ts'
import { place, withQuery } from '../location.ts'
import { Bar } from '../parts/bar.tsx'
import { Chips } from '../parts/chips.tsx'
import { DeviceLink } from '../parts/device-link.tsx'
import { DeviceMarks } from '../parts/device-marks.tsx'
import { Empty } from '../parts/empty.tsx'
import { ExportLinks } from '../parts/export-links.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Page } from '../parts/page.tsx'
import { type Column, Rows } from '../parts/rows.tsx'
import { SpanPicker } from '../parts/span-picker.tsx'
import { Told } from '../parts/text.tsx'
import { Volume } from '../parts/volume.tsx'
import { When } from '../parts/when.tsx'
import { reads } from '../reads.ts'
import { spanOf } from '../span.ts'
import { useRead } from '../use-read.ts'

const SORTS = ['usage', 'name', 'seen', 'first'] as const
type Sort = (typeof SORTS)[number]

const AGAIN_MS = 60_000

/** A client can go through MAC addresses; nobody reads that many at once. */
const MOST = 200

const ORDERS: Readonly<Record<Sort, (a: DeviceRow, b: DeviceRow) => number>> = {
  usage: (a, b) => b.down + b.up - a.down - a.up || b.lastSeenMs - a.lastSeenMs,
  name: (a, b) => (a.name ?? '\uffff').localeCompare(b.name ?? '\uffff') || a.id.localeCompare(b.id),
  seen: (a, b) => b.lastSeenMs - a.lastSeenMs,
  first: (a, b) => b.firstSeenMs - a.firstSeenMs,
}

/** Every device that was ever seen. */
export function DevicesPage() {
  const { query } = place.value
  const span = spanOf(query, Date.now(), '24h')
  const reading = useRead(reads.devices(span), AGAIN_MS)
  const texts = t.value.devices
  const sort = SORTS.find((one) => one === query.get('sort')) ?? 'usage'
  const here = query.get('show') !== 'all'
  const all = reading.value?.devices ?? []
  const shown = all
    .filter((device) => !here || device.addresses.length > 0)
    .filter((device) => matches(device, query.get('text') ?? ''))
    .toSorted(ORDERS[sort])
  return (
    <Page
      title={t.value.pages.devices}
      note={reading.value && texts.count(shown.length)}
      tools={<SpanPicker byDefault="24h" />}
    >
      <div class="filters">
        <FilterBox placeholder={texts.filter} />
        <Chips
          label={t.value.list.filter}
          name="show"
          value={here ? undefined : 'all'}
          choices={[
            { value: undefined, text: texts.here },
            { value: 'all', text: texts.all },
          ]}
        />
        <Chips
          label={texts.sort}
          name="sort"
          value={sort === 'usage' ? undefined : sort}
          choices={SORTS.map((one) => ({ value: one === 'usage' ? undefined : one, text: texts.sorts[one] }))}
        />
        <ExportLinks kind="devices" query={span} />
      </div>
      <Loaded reading={reading} lines={10}>
        {() =>
          all.length === 0 ? (
            <Empty text={texts.empty} fix={texts.emptyFix} />
          ) : shown.length === 0 ? (
            <Empty text={texts.noMatch} fix={t.value.names.emptyFix} />
          ) : (
            <>
              <DeviceRows devices={query.get('rows') === 'all' ? shown : shown.slice(0, MOST)} />
              {shown.length > MOST && query.get('rows') !== 'all' && (
                <nav class="pager" aria-label={t.value.list.pages}>
                  <a class="button" href={withQuery({ rows: 'all' })}>
                    {texts.showAll(shown.length)}
                  </a>
                </nav>
              )}
            </>
          )
        }
      </Loaded>
    </Page>
  )
}

function matches(device: DeviceRow, text: string): boolean {
  const { name, macAddress, vendor, network, addresses } = device
  const all = [name, macAddress, vendor, network, ...addresses].join(' ').toLowerCase()
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word))
}

function DeviceRows({ devices }: { readonly devices: readonly DeviceRow[] }) {
  const texts = t.value.devices
  const most = Math.max(1, ...devices.map(({ down, up }) => down + up))
  const usage = (device: DeviceRow) => (
    <div class="usage">
      <Volume down={device.down} up={device.up} />
      <Bar down={device.down} up={device.up} most={most} />
    </div>
  )
  const columns: Column<DeviceRow>[] = [
    {
      head: texts.name,
      kind: 'grow',
      cell: (device) => (
        <div class="who-cell">
          <Presence device={device} />
          <div>
            <span class="strong">
              <DeviceLink id={device.id} name={device.name} otherwise={device.macAddress} />
            </span>{' '}
            <DeviceMarks device={device} />
            <Told class="note block" text={device.vendor ?? device.macAddress} />
          </div>
        </div>
      ),
    },
    { head: texts.usage, cell: usage },
    { head: texts.questions, kind: 'number', cell: (device) => count(device.questions) },
    {
      head: texts.address,
      cell: ({ addresses, network }) => (
        <>
          <Told class="mono block" text={addresses[0] ?? '–'} />
          <Told class="note" text={network} />
        </>
      ),
    },
    { head: texts.firstSeen, cell: ({ firstSeenMs }) => <When ms={firstSeenMs} relative /> },
    { head: texts.lastSeen, cell: ({ lastSeenMs }) => <When ms={lastSeenMs} relative /> },
  ]
  return (
    <Rows
      label={t.value.pages.devices}
      rows={devices}
      keyOf={({ id }) => id}
      columns={columns}
      card={(device) => (
        <>
          <div class="card-line">
            <Presence device={device} />
            <span class="strong">
              <DeviceLink id={device.id} name={device.name} otherwise={device.macAddress} />
            </span>
            <DeviceMarks device={device} />
            <span class="end note">
              <When ms={device.lastSeenMs} relative />
            </span>
          </div>
          {usage(device)}
          <p class="note one-line">
            <Told text={[device.addresses[0], device.network, device.vendor].filter(Boolean).join(' · ')} />
          </p>
        </>
      )}
    />
  )
}

function Presence({ device }: { readonly device: DeviceRow }) {
  const here = device.addresses.length > 0
  return (
    <span class={here ? 'presence here' : 'presence'}>
      {here && <span class="hidden">{t.value.devices.isHere}</span>}
    </span>
  )
}
