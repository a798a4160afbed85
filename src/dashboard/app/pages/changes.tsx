import type { GenerationRow } from '../../api.ts'
import { t } from '../i18n/messages.ts'
import { navigate, place, withQuery } from '../location.ts'
import { Card } from '../parts/card.tsx'
import { DiffText } from '../parts/diff-text.tsx'
import { Empty } from '../parts/empty.tsx'
import { Icon } from '../parts/icons.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Page } from '../parts/page.tsx'
import { Told } from '../parts/text.tsx'
import { When } from '../parts/when.tsx'
import { reads } from '../reads.ts'
import { useRead } from '../use-read.ts'

const AGAIN_MS = 60_000

/** What was applied, what each changed, and what an apply would change now. */
export function ChangesPage() {
  const reading = useRead(reads.changes(), AGAIN_MS)
  return (
    <Page title={t.value.pages.changes}>
      <Plan />
      <Loaded reading={reading} lines={8}>
        {({ generations }) => <Generations generations={generations} />}
      </Loaded>
    </Page>
  )
}

function Plan() {
  const texts = t.value.changes
  const reading = useRead(reads.plan())
  return (
    <Card title={texts.pending}>
      <Loaded reading={reading} lines={2}>
        {({ text, changes }) =>
          changes ? (
            <>
              <p class="warn-note">
                <Icon name="info" /> {texts.toDo}
              </p>
              <DiffText text={text} label={texts.pending} />
            </>
          ) : (
            <p class="all-well">
              <Icon name="check" /> {texts.nothingToDo}
            </p>
          )
        }
      </Loaded>
    </Card>
  )
}

function numberIn(name: string): number | undefined {
  const number = Number(place.value.query.get(name) ?? 'x')
  return Number.isSafeInteger(number) && number > 0 ? number : undefined
}

function Generations({ generations }: { readonly generations: readonly GenerationRow[] }) {
  const texts = t.value.changes
  if (generations.length === 0) return <Empty text={texts.empty} fix={texts.emptyFix} />
  const newestFirst = generations.toSorted((a, b) => b.number - a.number)
  const chosen = numberIn('generation')
  const open = newestFirst.find(({ number }) => number === chosen)
  return (
    <div class="changes-grid">
      <Card title={texts.generations}>
        <ol class="timeline">
          {newestFirst.map((generation) => (
            <li key={generation.number} class={generation.current ? 'current' : undefined}>
              <a
                class="timeline-link"
                href={withQuery({ generation: String(generation.number), with: undefined })}
                aria-current={generation.number === chosen ? 'true' : undefined}
              >
                <span class="card-line">
                  <span class="strong">{texts.generation(generation.number)}</span>
                  {generation.current && <span class="pill ok">{texts.current}</span>}
                  {!generation.confirmed && <span class="pill warn">{texts.unconfirmed}</span>}
                  <span class="end note">
                    <When ms={generation.timeMs} relative />
                  </span>
                </span>
                <Told text={generation.summary} />
                {generation.author !== undefined && (
                  <span class="note">
                    <Told text={texts.by(generation.author)} />
                  </span>
                )}
              </a>
            </li>
          ))}
        </ol>
      </Card>
      {open !== undefined && <Difference generation={open} all={newestFirst} />}
    </div>
  )
}

function Difference({
  generation,
  all,
}: {
  readonly generation: GenerationRow
  readonly all: readonly GenerationRow[]
}) {
  const texts = t.value.changes
  const others = all.filter(({ number }) => number !== generation.number)
  const before = others.find(({ number }) => number < generation.number) ?? others[0]
  const other = others.find(({ number }) => number === numberIn('with')) ?? before
  const [a, b] =
    other === undefined
      ? [generation.number, generation.number]
      : [Math.min(other.number, generation.number), Math.max(other.number, generation.number)]
  const reading = useRead(other === undefined ? undefined : reads.diff(a, b))
  return (
    <Card
      title={texts.diffOf(a, b)}
      aside={
        other !== undefined && (
          <label class="select">
            <span class="note">{texts.with}</span>
            <select
              value={String(other.number)}
              onChange={(event) => navigate(withQuery({ with: event.currentTarget.value }))}
            >
              {others.map(({ number }) => (
                <option key={number} value={String(number)}>
                  {texts.generation(number)}
                </option>
              ))}
            </select>
          </label>
        )
      }
    >
      <Loaded reading={reading} lines={10}>
        {({ text, changes }) =>
          changes ? <DiffText text={text} label={texts.diffOf(a, b)} /> : <p class="note">{texts.same}</p>
        }
      </Loaded>
    </Card>
  )
}
