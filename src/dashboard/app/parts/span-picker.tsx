import { useState } from 'preact/hooks'
import { moment } from '../format.ts'
import { t } from '../i18n/messages.ts'
import { navigate, place, withQuery } from '../location.ts'
import { timezone } from '../session.ts'
import { chosenSince, SINCES, spanOf } from '../span.ts'
import { momentOf, wallClock } from '../wall-clock.ts'
import { isPhone } from './phone.ts'

/** Which time the view is about: one up to now, or from one moment to another by the router's clock. */
export function SpanPicker({ byDefault }: { readonly byDefault: (typeof SINCES)[number] }) {
  const texts = t.value.span
  const { query } = place.value
  const chosen = chosenSince(query, byDefault)
  const span = spanOf(query, Date.now(), byDefault)
  return (
    <div class="span-picker">
      <nav class="chips" aria-label={texts.label}>
        {SINCES.map((since) => (
          <a
            key={since}
            class="chip"
            href={withQuery({ since, from: undefined, to: undefined, cursor: undefined })}
            aria-current={since === chosen ? 'true' : undefined}
            aria-label={texts.since[since]}
          >
            {isPhone.value ? texts.short[since] : texts.since[since]}
          </a>
        ))}
      </nav>
      <details class="popover">
        <summary class={chosen === undefined ? 'chip chosen' : 'chip'}>
          {chosen === undefined ? `${moment(span.fromMs)} – ${moment(span.toMs)}` : texts.own}
        </summary>
        <OwnSpan key={`${span.fromMs} ${span.toMs}`} fromMs={span.fromMs} toMs={span.toMs} />
      </details>
    </div>
  )
}

function OwnSpan({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }) {
  const texts = t.value.span
  const zone = timezone.value
  const [from, setFrom] = useState(wallClock(fromMs, zone))
  const [to, setTo] = useState(wallClock(toMs, zone))
  const [fromTime, toTime] = [momentOf(from, zone), momentOf(to, zone)]
  const wrong = fromTime === undefined || toTime === undefined || fromTime >= toTime
  return (
    <form
      class="popover-body"
      onSubmit={(event) => {
        event.preventDefault()
        event.currentTarget.closest('details')?.removeAttribute('open')
        if (wrong) return
        navigate(
          withQuery({ since: undefined, from: String(fromTime), to: String(toTime), cursor: undefined }),
        )
      }}
    >
      <label>
        {texts.from}
        <input type="datetime-local" value={from} onInput={(event) => setFrom(event.currentTarget.value)} />
      </label>
      <label>
        {texts.to}
        <input type="datetime-local" value={to} onInput={(event) => setTo(event.currentTarget.value)} />
      </label>
      <p class="note">{wrong ? texts.wrong : t.value.shell.timesIn(zone)}</p>
      <button type="submit" class="main" disabled={wrong}>
        {texts.show}
      </button>
    </form>
  )
}
