import type { NamesReport, QuestionRow } from '../../api.ts'
import { count, latency } from '../format.ts'
import { t } from '../i18n/messages.ts'
import { listQuery, withoutCursor } from '../list-query.ts'
import { liveQuestions } from '../live.ts'
import { place, withQuery } from '../location.ts'
import { Card } from '../parts/card.tsx'
import { wider } from '../parts/chart-scale.ts'
import { Chips } from '../parts/chips.tsx'
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
import { TimeChart } from '../parts/time-chart.tsx'
import { Toggle } from '../parts/toggle.tsx'
import { When } from '../parts/when.tsx'
import { zoomTo } from '../parts/zoom-to.ts'
import { reads } from '../reads.ts'
import { isUpToNow } from '../span.ts'
import { useRead } from '../use-read.ts'

const OUTCOMES = ['answered', 'nxdomain', 'failed', 'timeout'] as const

const TOP = 30

/** What was asked of DNS: over time, by name, and each question. */
export function NamesPage() {
  const query = listQuery('24h')
  const names = useRead(reads.names({ ...withoutCursor(query), limit: TOP }))
  const questions = useRead(reads.questions(query))
  const texts = t.value.names
  return (
    <Page
      title={t.value.pages.names}
      note={names.value && texts.total(names.value.total)}
      tools={<SpanPicker byDefault="24h" />}
    >
      <div class="filters">
        <FilterBox placeholder={texts.filter} />
        <Chips
          label={texts.outcome}
          name="outcome"
          value={OUTCOMES.find((one) => one === query.outcome)}
          choices={[
            { value: undefined, text: texts.all },
            ...OUTCOMES.map((value) => ({ value, text: texts.outcomes[value] })),
          ]}
        />
        <Toggle name="bypass" text={texts.bypass} />
        <ClientFilter />
      </div>
      <Loaded reading={names} lines={6}>
        {(report) => (
          <div class="names-grid">
            <Card title={texts.asked} class="wide">
              <TimeChart
                label={texts.asked}
                of={report.asked}
                layers={[{ label: texts.count, values: report.asked.values, colour: 'accent' }]}
                text={count}
                onZoom={zoomTo}
                onWider={() => zoomTo(wider(query, Date.now()))}
              />
            </Card>
            <TopNames report={report} />
          </div>
        )}
      </Loaded>
      <Card title={texts.questions} aside={<ExportLinks kind="questions" query={query} />}>
        <Loaded reading={questions} lines={12}>
          {(report) => <Questions stored={report.rows} next={report.next} />}
        </Loaded>
      </Card>
    </Page>
  )
}

function TopNames({ report }: { readonly report: NamesReport }) {
  const texts = t.value.names
  return (
    <Card title={texts.top} class="wide" aside={<ExportLinks kind="names" query={listQuery('24h')} />}>
      {report.rows.length === 0 ? (
        <Empty text={texts.empty} fix={texts.emptyFix} />
      ) : (
        <ol class="counts in-columns">
          {report.rows.map(({ name, asked, failed, devices }) => (
            <li key={name}>
              <a href={withQuery({ text: name, cursor: undefined })}>
                <Told text={name} />
              </a>
              {failed > 0 && (
                <span class="mark warn">
                  {texts.failedCount} {count(failed)}
                </span>
              )}
              <span class="end note">{t.value.devices.count(devices)}</span>
              <span class="number">{count(asked)}</span>
            </li>
          ))}
        </ol>
      )}
    </Card>
  )
}

function Questions({
  stored,
  next,
}: {
  readonly stored: readonly QuestionRow[]
  readonly next: string | undefined
}) {
  const texts = t.value.names
  const { query } = place.value
  const isLive = isUpToNow(query) && !query.has('cursor')
  const rows = isLive ? withLive(stored) : stored
  if (rows.length === 0) return <Empty text={texts.empty} fix={texts.emptyFix} />
  const columns: Column<QuestionRow>[] = [
    { head: t.value.list.when, cell: ({ timeMs }) => <When ms={timeMs} /> },
    { head: t.value.list.device, cell: Who },
    {
      head: texts.name,
      kind: 'grow',
      cell: (row) => (
        <>
          <Told class="strong" text={row.name} /> <span class="note">{row.type}</span> <Marks row={row} />
        </>
      ),
    },
    { head: texts.answer, cell: (row) => <Answer row={row} /> },
    {
      head: texts.took,
      kind: 'number',
      cell: ({ micros }) => (micros === undefined ? '–' : latency(micros)),
    },
  ]
  return (
    <>
      {isLive && <p class="note live-note">{t.value.list.live}</p>}
      <Rows
        label={texts.questions}
        rows={rows}
        keyOf={keyOf}
        columns={columns}
        card={(row) => (
          <>
            <div class="card-line">
              <Told class="strong breaks" text={row.name} />
              <span class="note">{row.type}</span>
              <Marks row={row} />
            </div>
            <p class="note one-line">
              <When ms={row.timeMs} /> · {Who(row)} · <Answer row={row} />
            </p>
          </>
        )}
      />
      <Pager next={next} />
    </>
  )
}

function keyOf(row: QuestionRow): string {
  return `${row.timeMs} ${row.clientAddress} ${row.name} ${row.type} ${row.micros}`
}

/** Those that came since the list was read, and that its filters let through. */
function withLive(stored: readonly QuestionRow[]): readonly QuestionRow[] {
  const { query } = place.value
  const [text, client, outcome] = [query.get('text'), query.get('client'), query.get('outcome')]
  const bypass = query.get('bypass') === 'true'
  const known = new Set(stored.map(keyOf))
  const since = stored[0]?.timeMs ?? 0
  const fresh = liveQuestions.value.filter(
    (row) =>
      row.timeMs >= since &&
      !known.has(keyOf(row)) &&
      (text === null || row.name.includes(text.toLowerCase())) &&
      (outcome === null || row.outcome === outcome) &&
      (!bypass || row.bypass) &&
      (client === null || [row.deviceId, row.device, row.clientAddress].includes(client)),
  )
  return [...fresh, ...stored]
}

function Who(row: QuestionRow) {
  return <DeviceLink id={row.deviceId} name={row.device} otherwise={row.clientAddress} />
}

function Marks({ row }: { readonly row: QuestionRow }) {
  const texts = t.value.names
  return (
    <>
      {row.outcome !== 'answered' && (
        <span class={row.outcome === 'nxdomain' ? 'mark warn' : 'mark bad'}>
          {texts.outcomes[row.outcome]}
        </span>
      )}
      {row.bypass && (
        <span class="mark warn" title={texts.bypassWhy}>
          {texts.bypass}
        </span>
      )}
    </>
  )
}

function Answer({ row }: { readonly row: QuestionRow }) {
  const text = row.answers.length > 0 ? row.answers.join(', ') : (row.responseCode ?? '–')
  return <Told class="mono cut" text={text} />
}
