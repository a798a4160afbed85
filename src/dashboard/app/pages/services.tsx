import type { ServicesReport } from '../../api.ts'
import { count } from '../format.ts'
import { t } from '../i18n/messages.ts'
import { place, withQuery } from '../location.ts'
import { Card } from '../parts/card.tsx'
import { Empty } from '../parts/empty.tsx'
import { Icon } from '../parts/icons.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Page } from '../parts/page.tsx'
import { Rows } from '../parts/rows.tsx'
import { ServiceLines } from '../parts/service-lines.tsx'
import { Told } from '../parts/text.tsx'
import { reads } from '../reads.ts'
import { useRead } from '../use-read.ts'

const AGAIN_MS = 10_000

/** The modules' services: how they are, and what they say. */
export function ServicesPage() {
  const reading = useRead(reads.services(), AGAIN_MS)
  const { value } = reading
  const lines = place.value.query.get('lines')
  return (
    <Page
      title={t.value.pages.services}
      note={value && <Told text={t.value.services.release(value.release)} />}
    >
      {lines !== null && <ServiceLines key={lines} service={lines} />}
      <Loaded reading={reading} lines={10}>
        {(report) => (
          <>
            <Services services={report.services} />
            <div class="columns">
              <Sources sources={report.sources} />
              <Jobs jobs={report.jobs} />
            </div>
          </>
        )}
      </Loaded>
    </Page>
  )
}

type Service = ServicesReport['services'][number]

function Services({ services }: { readonly services: readonly Service[] }) {
  const texts = t.value.services
  if (services.length === 0) return <Empty text={texts.empty} fix={texts.emptyFix} />
  return (
    <ul class="service-grid" aria-label={texts.services}>
      {services.map((service) => (
        <li key={`${service.module} ${service.service}`} class="card service">
          <div class="card-line">
            <Told class="strong" text={service.service} />
            <span class="end">
              <State state={service.state} />
            </span>
          </div>
          <p class="note one-line">
            <Told text={[service.module, service.image].filter(Boolean).join(' · ')} />
          </p>
          <a class="note" href={withQuery({ lines: service.service })}>
            {texts.showLines(service.service)}
          </a>
        </li>
      ))}
    </ul>
  )
}

const STATES: Readonly<Record<string, 'ok' | 'warn' | 'bad'>> = {
  healthy: 'ok',
  running: 'ok',
  starting: 'warn',
  unhealthy: 'bad',
  exited: 'bad',
}

function State({ state }: { readonly state: string }) {
  const texts: Readonly<Record<string, string>> = t.value.services.states
  return (
    <span class={`pill ${STATES[state] ?? 'bad'}`}>
      <Told text={texts[state] ?? state} />
    </span>
  )
}

type Source = ServicesReport['sources'][number]

function Sources({ sources }: { readonly sources: readonly Source[] }) {
  const texts = t.value.services
  return (
    <Card title={texts.sources}>
      {sources.length === 0 ? (
        <p class="note">{texts.noSources}</p>
      ) : (
        <Rows
          label={texts.sources}
          rows={sources}
          keyOf={({ name }) => name}
          columns={[
            { head: texts.source, kind: 'grow', cell: ({ name }) => <Told text={name} /> },
            { head: texts.received, kind: 'number', cell: ({ received }) => count(received) },
            { head: texts.stored, kind: 'number', cell: ({ stored }) => count(stored) },
            { head: texts.dropped, kind: 'number', cell: ({ dropped }) => <Lost value={dropped} /> },
            { head: texts.malformed, kind: 'number', cell: ({ malformed }) => count(malformed) },
          ]}
          card={({ name, stored, dropped }) => (
            <div class="card-line">
              <Told class="strong" text={name} />
              <span class="end">
                <span class="note">{texts.stored}</span> {count(stored)}{' '}
                <span class="note">{texts.dropped}</span> <Lost value={dropped} />
              </span>
            </div>
          )}
        />
      )}
    </Card>
  )
}

function Lost({ value }: { readonly value: number }) {
  return <span class={value > 0 ? 'ink-bad' : undefined}>{count(value)}</span>
}

function Jobs({ jobs }: { readonly jobs: ServicesReport['jobs'] }) {
  const texts = t.value.services
  return (
    <Card title={texts.jobs}>
      {jobs.length === 0 && <p class="note">{texts.noJobs}</p>}
      <ul class="plain">
        {jobs.map(({ name, ok, lastError }) => (
          <li key={name}>
            <span class={`pill ${ok ? 'ok' : 'bad'}`}>
              <Icon name={ok ? 'check' : 'warn'} /> {ok ? texts.ok : texts.failing}
            </span>{' '}
            <Told text={name} />
            {!ok && lastError !== undefined && (
              <p class="note">
                <Told text={lastError} />
              </p>
            )}
          </li>
        ))}
      </ul>
    </Card>
  )
}
