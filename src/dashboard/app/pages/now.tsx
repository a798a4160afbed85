import type { NowReport } from '../../api.ts'
import { bytes, count, latency, percent, rate, when } from '../format.ts'
import { t } from '../i18n/messages.ts'
import { liveWan, rates } from '../live.ts'
import { navigate } from '../location.ts'
import { AlertList } from '../parts/alert-list.tsx'
import { Bar } from '../parts/bar.tsx'
import { Card } from '../parts/card.tsx'
import { Icon } from '../parts/icons.tsx'
import { LiveChart } from '../parts/live-chart.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { NewSinceYesterday } from '../parts/new-since-yesterday.tsx'
import { Page } from '../parts/page.tsx'
import { Spark } from '../parts/spark.tsx'
import { Told } from '../parts/text.tsx'
import { TimeChart } from '../parts/time-chart.tsx'
import { Volume } from '../parts/volume.tsx'
import { WhoNow } from '../parts/who-now.tsx'
import { reads } from '../reads.ts'
import { useRead } from '../use-read.ts'

const AGAIN_MS = 30_000
/** Of the devices that used most: as many as there is room for beside the others. */
const MOST = 6

/** The router at a glance. */
export function NowPage() {
  const reading = useRead(reads.now(), AGAIN_MS)
  const texts = t.value.now
  return (
    <Page title={t.value.pages.now} quiet>
      <div class="now-grid">
        <Line report={reading.value} />
        <Card title={texts.right} class="wide filled" aside={<NowRates />}>
          <LiveChart />
        </Card>
        <WhoNow />
        <Loaded reading={reading} lines={8}>
          {(report) => <Rest report={report} />}
        </Loaded>
      </div>
    </Page>
  )
}

function NowRates() {
  const last = rates.value.at(-1)
  if (last === undefined) return <span class="note">{t.value.now.noLive}</span>
  return (
    <span class="big-rates">
      <span class="ink-down">
        <Icon name="down" />
        <span class="hidden">{t.value.traffic.down}</span>
        {rate(last.down)}
      </span>
      <span class="ink-up">
        <Icon name="up" />
        <span class="hidden">{t.value.traffic.up}</span>
        {rate(last.up)}
      </span>
    </span>
  )
}

/** Whether the Internet is up, in words first. */
function Line({ report }: { readonly report: NowReport | undefined }) {
  const texts = t.value.now
  const wan = liveWan.value ?? report?.wan
  if (wan === undefined) return <section class="card line wide loading-card" aria-busy="true" />
  const missing = wan.ipv4 === 'down' ? 'IPv4' : wan.ipv6 === 'down' ? 'IPv6' : undefined
  const down = wan.ipv4 === 'down' && wan.ipv6 === 'down'
  const state = down ? 'bad' : missing === undefined ? 'ok' : 'warn'
  const words = down
    ? texts.internetDown
    : missing === undefined
      ? texts.internetUp
      : texts.internetPart(missing)
  return (
    <section class={`card line wide ${state}`} aria-live="polite">
      <Icon name={down ? 'warn' : 'check'} />
      <div>
        <p class="line-words">{words}</p>
        {down ? (
          <p class="note">{texts.downFix}</p>
        ) : (
          <p class="note">
            {(['ipv4', 'ipv6'] as const).map((version) => (
              <span key={version} class={`pill ${wan[version] === 'up' ? 'ok' : 'bad'}`}>
                {version === 'ipv4' ? 'IPv4' : 'IPv6'}
              </span>
            ))}
            {report?.wan.sinceMs !== undefined && (
              <span class="line-since">{texts.since(when(report.wan.sinceMs))}</span>
            )}
            {report?.wan.addresses.map((address) => (
              <Told key={address} text={address} class="mono" />
            ))}
          </p>
        )}
      </div>
    </section>
  )
}

function Rest({ report }: { readonly report: NowReport }) {
  const texts = t.value.now
  const { wan, dns, devices, alerts, changes, top } = report
  const most = Math.max(1, ...top.map(({ down, up }) => down + up))
  return (
    <>
      <Card title={texts.alerts} class={alerts.length === 0 ? 'calm' : 'attention'}>
        <AlertList alerts={alerts} />
      </Card>
      <Card
        title={texts.dns}
        class="filled"
        aside={
          <a class="note" href="/names?since=1h">
            {t.value.pages.names}
          </a>
        }
      >
        <Spark
          values={dns.asked.values}
          label={`${texts.asked}: ${count(sum(dns.asked.values))}, ${texts.failed}: ${count(sum(dns.failed.values))}`}
        />
        <dl class="figures">
          <Figure name={texts.asked} value={count(sum(dns.asked.values))} />
          <Figure name={texts.failed} value={count(sum(dns.failed.values))} />
          {dns.medianMicros !== undefined && <Figure name={texts.median} value={latency(dns.medianMicros)} />}
          {dns.p95Micros !== undefined && <Figure name={texts.p95} value={latency(dns.p95Micros)} />}
          {dns.cacheHitRatio !== undefined && (
            <Figure name={texts.cache} value={percent(dns.cacheHitRatio)} />
          )}
        </dl>
      </Card>
      <Card
        title={texts.whoHour}
        aside={
          <a class="note" href="/devices?since=1h">
            {t.value.pages.devices}
          </a>
        }
      >
        {top.length === 0 && <p class="note">{texts.whoEmpty}</p>}
        <ul class="bars">
          {top.slice(0, MOST).map((row) => (
            <li key={row.key}>
              <TopName row={row} />
              <Volume down={row.down} up={row.up} />
              <Bar down={row.down} up={row.up} most={most} />
            </li>
          ))}
        </ul>
        <p class="present">
          <a href="/devices">
            <strong>{count(devices.present)}</strong> {texts.present}
          </a>{' '}
          <span class="note">{texts.ofKnown(devices.known)}</span>
        </p>
      </Card>
      <Card title={texts.lastDay} class="wide filled">
        <TimeChart
          label={texts.lastDay}
          of={wan.down}
          layers={[
            { label: t.value.traffic.down, values: wan.down.values, colour: 'down' },
            { label: t.value.traffic.up, values: wan.up.values, colour: 'up' },
          ]}
          text={bytes}
          onZoom={({ fromMs, toMs }) => navigate(`/connections?from=${fromMs}&to=${toMs}`)}
        />
      </Card>
      <NewSinceYesterday changes={changes} />
    </>
  )
}

/** Zones that are no network of devices, which have no page. */
const OURS: readonly (string | undefined)[] = ['router', 'containers']

function TopName({ row }: { readonly row: NowReport['top'][number] }) {
  const query = new URLSearchParams({ client: row.key, since: '1h' })
  return (
    <span class="bars-name">
      {OURS.includes(row.of) ? (
        <Told text={row.key} />
      ) : (
        <a href={`/connections?${query.toString()}`}>
          <Told text={row.key} />
        </a>
      )}
    </span>
  )
}

function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function sum(values: readonly number[]): number {
  return values.reduce((all, one) => all + one, 0)
}
