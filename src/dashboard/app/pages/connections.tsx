import type { ConnectionRow } from '../../api.ts'
import { duration } from '../format.ts'
import { t } from '../i18n/messages.ts'
import { listQuery } from '../list-query.ts'
import { liveConnections } from '../live.ts'
import { place } from '../location.ts'
import { ClientFilter } from '../parts/client-filter.tsx'
import { DeviceLink } from '../parts/device-link.tsx'
import { Empty } from '../parts/empty.tsx'
import { ExportLinks } from '../parts/export-links.tsx'
import { FilterBox } from '../parts/filter-box.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Page } from '../parts/page.tsx'
import { Pager } from '../parts/pager.tsx'
import { type Column, Rows } from '../parts/rows.tsx'
import { SpanPicker } from '../parts/span-picker.tsx'
import { Told } from '../parts/text.tsx'
import { Toggle } from '../parts/toggle.tsx'
import { Volume } from '../parts/volume.tsx'
import { When } from '../parts/when.tsx'
import { reads } from '../reads.ts'
import { isUpToNow } from '../span.ts'
import { useRead } from '../use-read.ts'

/** Every connection, with the device, the name that it was for, and both sides of the NAT. */
export function ConnectionsPage() {
  const query = listQuery('1h')
  const reading = useRead(reads.connections(query))
  const texts = t.value.connections
  return (
    <Page title={t.value.pages.connections} tools={<SpanPicker byDefault="1h" />}>
      <div class="filters">
        <FilterBox placeholder={texts.filter} />
        <Toggle name="unresolved" text={texts.unresolved} />
        <Toggle name="encryptedDns" text={texts.encryptedDns} />
        <ClientFilter />
        <ExportLinks kind="connections" query={query} />
      </div>
      <Loaded reading={reading} lines={14}>
        {(report) => <Connections stored={report.rows} next={report.next} />}
      </Loaded>
    </Page>
  )
}

function Connections({
  stored,
  next,
}: {
  readonly stored: readonly ConnectionRow[]
  readonly next: string | undefined
}) {
  const texts = t.value.connections
  const { query } = place.value
  const isLive = isUpToNow(query) && !query.has('cursor')
  const rows = isLive ? withLive(stored) : stored
  if (rows.length === 0) return <Empty text={texts.empty} fix={texts.emptyFix} />
  const columns: Column<ConnectionRow>[] = [
    { head: t.value.list.when, cell: ({ startMs }) => <When ms={startMs} /> },
    {
      head: t.value.list.device,
      cell: (row) => (
        <>
          <span class="cut">
            <DeviceLink id={row.deviceId} name={row.device} otherwise={row.source} />
          </span>
          <Told class="note block" text={row.sourceZone ?? ''} />
        </>
      ),
    },
    {
      head: texts.peer,
      kind: 'grow',
      cell: (row) => (
        <>
          <Told class="strong" text={row.name ?? row.destination} /> <Marks row={row} />
          <span class="note block">
            {row.name !== undefined && <Told class="mono" text={row.destination} />}{' '}
            <Told text={row.destinationZone ?? ''} />
          </span>
        </>
      ),
    },
    { head: texts.protocol, cell: (row) => <Told text={portOf(row)} /> },
    { head: texts.nat, cell: (row) => <Told class="mono note" text={natOf(row) ?? '–'} /> },
    {
      head: texts.lasted,
      kind: 'number',
      cell: ({ startMs, endMs }) => duration(Math.max(0, endMs - startMs)),
    },
    { head: texts.volume, cell: ({ down, up }) => <Volume down={down} up={up} /> },
  ]
  return (
    <>
      {isLive && <p class="note live-note">{t.value.list.live}</p>}
      <Rows
        label={t.value.pages.connections}
        rows={rows}
        keyOf={({ flowId }) => flowId}
        columns={columns}
        card={(row) => (
          <>
            <div class="card-line">
              <Told class="strong breaks" text={row.name ?? row.destination} />
              <Marks row={row} />
              <span class="end note">
                <Told text={portOf(row)} />
              </span>
            </div>
            <div class="card-line">
              <DeviceLink id={row.deviceId} name={row.device} otherwise={row.source} />
              <span class="note">
                <When ms={row.startMs} />
              </span>
              <span class="end">
                <Volume down={row.down} up={row.up} />
              </span>
            </div>
            <p class="note mono one-line">
              <Told text={[row.destination, natOf(row)].filter(Boolean).join(' · ')} />
            </p>
          </>
        )}
      />
      <Pager next={next} />
    </>
  )
}

function withLive(stored: readonly ConnectionRow[]): readonly ConnectionRow[] {
  const { query } = place.value
  const client = query.get('client')
  const only = (name: string): boolean => query.get(name) === 'true'
  const words = (query.get('text') ?? '').toLowerCase().split(/\s+/)
  const known = new Set(stored.map(({ flowId }) => flowId))
  const since = stored[0]?.startMs ?? 0
  const fresh = liveConnections.value.filter((row) => {
    const all = [row.name, row.device, row.source, row.destination, portOf(row)].join(' ').toLowerCase()
    return (
      row.startMs >= since &&
      !known.has(row.flowId) &&
      words.every((word) => all.includes(word)) &&
      (client === null || [row.deviceId, row.device, row.source].includes(client)) &&
      (!only('unresolved') || row.unresolved) &&
      (!only('encryptedDns') || row.encryptedDns)
    )
  })
  return [...fresh, ...stored]
}

function portOf({ protocol, destinationPort }: ConnectionRow): string {
  return destinationPort === undefined ? protocol : `${protocol} ${destinationPort}`
}

function natOf({ natSource, natDestination }: ConnectionRow): string | undefined {
  return natSource ?? natDestination
}

function Marks({ row }: { readonly row: ConnectionRow }) {
  const texts = t.value.connections
  return (
    <>
      {row.unresolved && (
        <span class="mark warn" title={texts.unresolvedWhy}>
          {texts.unresolved}
        </span>
      )}
      {row.encryptedDns && <span class="mark warn">{texts.encryptedDns}</span>}
    </>
  )
}
