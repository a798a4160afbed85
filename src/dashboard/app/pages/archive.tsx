import type { ArchiveReport } from '../../api.ts'
import { bytes, count, date, yen } from '../format.ts'
import { t } from '../i18n/messages.ts'
import { Card } from '../parts/card.tsx'
import { Empty } from '../parts/empty.tsx'
import { Icon } from '../parts/icons.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Page } from '../parts/page.tsx'
import { Rows } from '../parts/rows.tsx'
import { Told } from '../parts/text.tsx'
import { TimeChart } from '../parts/time-chart.tsx'
import { reads } from '../reads.ts'
import { useRead } from '../use-read.ts'

/** What is kept, where, and what that costs for years. */
export function ArchivePage() {
  const reading = useRead(reads.archive(), 60_000)
  return (
    <Page title={t.value.pages.archive}>
      <Loaded reading={reading} lines={12}>
        {(report) => (
          <>
            <Cost report={report} />
            <Card title={t.value.archive.daily}>
              <TimeChart
                label={t.value.archive.daily}
                of={report.daily}
                layers={[{ label: t.value.archive.size, values: report.daily.values, colour: 'accent' }]}
                text={bytes}
              />
            </Card>
            <div class="archive-grid">
              <Kept report={report} />
              <Bucket report={report} />
            </div>
          </>
        )}
      </Loaded>
    </Page>
  )
}

function Cost({ report }: { readonly report: ArchiveReport }) {
  const texts = t.value.archive
  const { cost } = report
  const title = report.bucket === undefined ? texts.costIf : texts.cost
  if (cost === undefined)
    return (
      <Card title={title}>
        <p class="note">{texts.costUnknown}</p>
      </Card>
    )
  const last = cost.years.at(-1)?.perMonth ?? cost.now
  const isOver = cost.budget !== undefined && Math.max(cost.now, last) > cost.budget
  return (
    <Card
      title={title}
      aside={
        cost.budget !== undefined && (
          <span class={`pill ${isOver ? 'bad' : 'ok'}`}>
            {texts.budget(yen(cost.budget))} · {isOver ? texts.over : texts.within}
          </span>
        )
      }
    >
      <dl class="figures big">
        <div>
          <dt>{texts.now}</dt>
          <dd>{yen(cost.now)}</dd>
        </div>
        {cost.years.map(({ years, perMonth, bytes: size }) => (
          <div key={years}>
            <dt>{texts.inYears(years)}</dt>
            <dd>
              {yen(perMonth)} <span class="note">{texts.aMonth}</span>
              <span class="note block">{bytes(size)}</span>
            </dd>
          </div>
        ))}
      </dl>
    </Card>
  )
}

function Kept({ report }: { readonly report: ArchiveReport }) {
  const texts = t.value.archive
  const names: Readonly<Record<string, string>> = t.value.search.kind
  const total = report.kinds.reduce((sum, kind) => sum + kind.bytes, 0)
  return (
    <Card title={texts.kept} aside={<span class="note">{`${texts.total} ${bytes(total)}`}</span>}>
      {report.kinds.length === 0 ? (
        <Empty text={texts.empty} fix={texts.emptyFix} />
      ) : (
        <Rows
          label={texts.kept}
          rows={report.kinds}
          keyOf={({ kind }) => kind}
          columns={[
            { head: texts.kind, kind: 'grow', cell: ({ kind }) => <Told text={names[kind] ?? kind} /> },
            { head: texts.rows, kind: 'number', cell: ({ rows }) => count(rows) },
            { head: texts.size, kind: 'number', cell: ({ bytes: size }) => bytes(size) },
            { head: texts.days, kind: 'number', cell: ({ days }) => count(days) },
            {
              head: texts.oldest,
              cell: ({ oldestMs }) => (oldestMs === undefined ? '–' : date(oldestMs)),
            },
          ]}
          card={({ kind, rows, bytes: size, days, oldestMs }) => (
            <>
              <div class="card-line">
                <Told class="strong" text={names[kind] ?? kind} />
                <span class="end">{bytes(size)}</span>
              </div>
              <p class="note">
                {t.value.list.rows(rows)} · {texts.days} {count(days)}
                {oldestMs !== undefined && (
                  <>
                    {' '}
                    · {texts.oldest} {date(oldestMs)}
                  </>
                )}
              </p>
            </>
          )}
        />
      )}
    </Card>
  )
}

function Bucket({ report }: { readonly report: ArchiveReport }) {
  const texts = t.value.archive
  const { bucket, logBytes, lostRows } = report
  return (
    <Card title={texts.bucket}>
      {bucket === undefined ? (
        <p class="note">{texts.noBucket}</p>
      ) : bucket.problem !== undefined ? (
        <p class="ink-bad">
          <Icon name="warn" /> <Told text={bucket.problem} />
        </p>
      ) : (
        <p class={bucket.waitingFiles === 0 ? 'all-well' : undefined}>
          {bucket.waitingFiles === 0 ? (
            <>
              <Icon name="check" /> {texts.allSent}
            </>
          ) : (
            texts.waiting(bucket.waitingFiles)
          )}
        </p>
      )}
      {bucket !== undefined && bucket.droppedFiles > 0 && (
        <p class="ink-bad">{texts.dropped(bucket.droppedFiles)}</p>
      )}
      <dl class="facts">
        <div>
          <dt>{texts.log}</dt>
          <dd>{bytes(logBytes)}</dd>
        </div>
        <div>
          <dt>{texts.lost}</dt>
          <dd class={lostRows > 0 ? 'ink-bad' : undefined}>{count(lostRows)}</dd>
        </div>
      </dl>
    </Card>
  )
}
