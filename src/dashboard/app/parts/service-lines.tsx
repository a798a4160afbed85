import { t } from '../i18n/messages.ts'
import { liveState } from '../live.ts'
import { withQuery } from '../location.ts'
import { reads } from '../reads.ts'
import { spanOf } from '../span.ts'
import { useRead } from '../use-read.ts'
import { Card } from './card.tsx'
import { Icon } from './icons.tsx'
import { Loaded } from './loaded.tsx'
import { Told } from './text.tsx'
import { When } from './when.tsx'

const AGAIN_MS = 3000
const LINES = 100

/** What a service wrote last, the newest first; while the page is live, with what it writes now. */
export function ServiceLines({ service }: { readonly service: string }) {
  const texts = t.value.services
  const span = spanOf(new URLSearchParams(), Date.now(), '24h')
  const reading = useRead(
    reads.search({ ...span, kind: 'container', text: service, limit: LINES }),
    liveState.value === 'live' ? AGAIN_MS : undefined,
  )
  const search = new URLSearchParams({ text: service, kind: 'container' }).toString()
  return (
    <Card
      title={texts.linesOf(service)}
      aside={
        <span class="buttons">
          <a class="button" href={`/search?${search}`}>
            {texts.allLines}
          </a>
          <a class="button" href={withQuery({ lines: undefined })} aria-label={t.value.shell.close}>
            <Icon name="close" />
          </a>
        </span>
      }
    >
      <Loaded reading={reading} lines={10}>
        {({ hits }) => {
          // Others may speak of it.
          const own = hits.filter(({ detail }) => detail === undefined || detail.includes(service))
          return own.length === 0 ? (
            <p class="note">{texts.noLines}</p>
          ) : (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: whoever has no mouse scrolls it with the keys
            <ol class="lines" aria-label={texts.linesOf(service)} tabIndex={0}>
              {own.map((hit, i) => (
                <li key={`${hit.timeMs} ${i}`}>
                  <span class="note">
                    <When ms={hit.timeMs} />
                  </span>{' '}
                  <Told text={hit.text} />
                </li>
              ))}
            </ol>
          )
        }}
      </Loaded>
    </Card>
  )
}
