import { useEffect, useRef, useState } from 'preact/hooks'
import type { SearchHit, SearchReport } from '../../api.ts'
import { count } from '../format.ts'
import { t } from '../i18n/messages.ts'
import { listQuery } from '../list-query.ts'
import { navigate, place, withQuery } from '../location.ts'
import { Card } from '../parts/card.tsx'
import { wider } from '../parts/chart-scale.ts'
import { Chips } from '../parts/chips.tsx'
import { DeviceLink } from '../parts/device-link.tsx'
import { Empty } from '../parts/empty.tsx'
import { ExportLinks } from '../parts/export-links.tsx'
import { Icon } from '../parts/icons.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Page } from '../parts/page.tsx'
import { Pager } from '../parts/pager.tsx'
import { type Column, Rows } from '../parts/rows.tsx'
import { SpanPicker } from '../parts/span-picker.tsx'
import { Told } from '../parts/text.tsx'
import { TimeChart } from '../parts/time-chart.tsx'
import { When } from '../parts/when.tsx'
import { zoomTo } from '../parts/zoom-to.ts'
import { type ListQuery, reads } from '../reads.ts'
import { useRead } from '../use-read.ts'

const KINDS = [
  'dns',
  'flows',
  'drops',
  'dhcp',
  'container',
  'syslog',
  'events',
  'netflow',
  'devices',
] as const

const EXAMPLES = ['www.example.org', '203.0.113.0/24', 'laptop', 'SERVFAIL'] as const

/** One box over everything that was recorded. */
export function SearchPage() {
  const query = listQuery('24h')
  const { text } = query
  const reading = useRead(text === undefined ? undefined : reads.search(query))
  const texts = t.value.search
  return (
    <Page
      title={t.value.pages.search}
      note={text !== undefined && reading.value && texts.found(reading.value.total)}
      tools={<SpanPicker byDefault="24h" />}
    >
      <SearchForm key={text} text={text ?? ''} />
      {text === undefined ? (
        <Start />
      ) : (
        <>
          <div class="filters">
            <Chips
              label={texts.kinds}
              name="kind"
              value={KINDS.find((one) => one === query.kind)}
              choices={[
                { value: undefined, text: texts.all },
                ...KINDS.map((value) => ({ value, text: texts.kind[value] })),
              ]}
            />
            <ExportLinks kind="search" query={query} />
          </div>
          <Loaded reading={reading} lines={12}>
            {(report) => <Found report={report} query={query} />}
          </Loaded>
        </>
      )}
    </Page>
  )
}

function SearchForm({ text }: { readonly text: string }) {
  const texts = t.value.search
  const [typed, setTyped] = useState(text)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    // Who comes without a question comes to ask one.
    if (text === '') input.current?.focus()
  }, [text])
  return (
    <search>
      <form
        class="search-form"
        onSubmit={(event) => {
          event.preventDefault()
          navigate(withQuery({ text: typed.trim(), cursor: undefined }))
        }}
      >
        <Icon name="search" />
        <input
          ref={input}
          type="search"
          data-search
          value={typed}
          aria-label={texts.label}
          placeholder={texts.placeholder}
          autocomplete="off"
          spellcheck={false}
          maxLength={253}
          enterkeyhint="search"
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
        <button type="submit" class="main">
          {t.value.shell.searchHint}
        </button>
      </form>
    </search>
  )
}

function Start() {
  const texts = t.value.search
  return (
    <div class="empty">
      <p>{texts.start}</p>
      <p class="note">{texts.startHint}</p>
      <p class="tries">
        {texts.tries}{' '}
        {EXAMPLES.map((example) => (
          <a key={example} class="tag mono" href={withQuery({ text: example })}>
            {example}
          </a>
        ))}
      </p>
    </div>
  )
}

function Found({ report, query }: { readonly report: SearchReport; readonly query: ListQuery }) {
  const texts = t.value.search
  const { found, devices, hits, next } = report
  const zoomOut = (): void => zoomTo(wider(query, Date.now()))
  return (
    <>
      <Card
        title={texts.chart}
        aside={
          <span class="buttons">
            <button type="button" onClick={zoomOut}>
              <Icon name="zoomOut" /> {texts.zoomOut}
            </button>
          </span>
        }
      >
        <TimeChart
          label={texts.chart}
          of={found}
          layers={[{ label: texts.records, values: found.values, colour: 'accent' }]}
          text={count}
          onZoom={zoomTo}
          onWider={zoomOut}
          tall
        />
        <p class="note wide-only">{texts.chartHelp}</p>
      </Card>
      {devices.length > 0 && (
        <Card title={texts.devices}>
          <ul class="tags">
            {devices.map((device) => (
              <li key={device.id}>
                <span class="tag">
                  <DeviceLink id={device.id} name={device.name} otherwise={device.macAddress} />
                  {device.addresses[0] !== undefined && <Told class="note mono" text={device.addresses[0]} />}
                </span>
              </li>
            ))}
          </ul>
        </Card>
      )}
      {hits.length === 0 ? (
        <Empty text={texts.none} fix={texts.noneFix} />
      ) : (
        <Card title={texts.records}>
          <Hits hits={hits} />
          <Pager next={next} />
        </Card>
      )}
    </>
  )
}

function Hits({ hits }: { readonly hits: readonly SearchHit[] }) {
  const texts = t.value.search
  const words = place.value.query.get('text') ?? ''
  const columns: Column<SearchHit>[] = [
    { head: t.value.list.when, cell: ({ timeMs }) => <When ms={timeMs} /> },
    { head: texts.kinds, cell: ({ kind }) => <Kind kind={kind} /> },
    {
      head: t.value.list.device,
      cell: (hit) => (hit.device === undefined && hit.deviceId === undefined ? '–' : Who(hit)),
    },
    { head: texts.records, kind: 'grow', cell: (hit) => <HitText hit={hit} words={words} /> },
  ]
  return (
    <Rows
      label={texts.records}
      rows={hits}
      keyOf={(hit) => `${hit.kind} ${hit.timeMs} ${hit.deviceId} ${hit.text} ${hit.detail}`}
      columns={columns}
      card={(hit) => (
        <>
          <div class="card-line">
            <Kind kind={hit.kind} />
            {(hit.device !== undefined || hit.deviceId !== undefined) && Who(hit)}
            <span class="end note">
              <When ms={hit.timeMs} />
            </span>
          </div>
          <HitText hit={hit} words={words} />
        </>
      )}
    />
  )
}

function Who(hit: SearchHit) {
  return <DeviceLink id={hit.deviceId} name={hit.device} />
}

function Kind({ kind }: { readonly kind: SearchHit['kind'] }) {
  return <span class={`kind kind-${kind}`}>{t.value.search.kind[kind] ?? kind}</span>
}

function HitText({ hit, words }: { readonly hit: SearchHit; readonly words: string }) {
  return (
    <span class="hit">
      <Marked text={hit.text} words={words} />{' '}
      {hit.detail !== undefined && <Told class="note" text={hit.detail} />}
    </span>
  )
}

/** The text, with what was looked for marked where it first is. */
function Marked({ text, words }: { readonly text: string; readonly words: string }) {
  const at = words === '' ? -1 : text.toLowerCase().indexOf(words.toLowerCase())
  if (at < 0) return <Told text={text} />
  const end = at + words.length
  return (
    <span>
      <Told text={text.slice(0, at)} />
      <mark>
        <Told text={text.slice(at, end)} />
      </mark>
      <Told text={text.slice(end)} />
    </span>
  )
}
