import type { NowReport } from '../../api.ts'
import { t } from '../i18n/messages.ts'
import { Card } from './card.tsx'
import { DeviceLink } from './device-link.tsx'
import { Told } from './text.tsx'
import { When } from './when.tsx'

const MOST_NAMES = 8

/** What was not there a day ago: devices, settings, names. */
export function NewSinceYesterday({ changes }: { readonly changes: NowReport['changes'] }) {
  const texts = t.value.now
  const { devices, generations, names } = changes
  const none = devices.length + generations.length + names.length === 0
  return (
    <Card title={texts.changes} class="since-yesterday">
      {none && <p class="note">{texts.noChanges}</p>}
      {devices.length > 0 && (
        <>
          <h3>{texts.newDevices}</h3>
          <ul class="plain">
            {devices.map((device) => (
              <li key={device.id}>
                <DeviceLink id={device.id} name={device.name} otherwise={device.macAddress} />{' '}
                <span class="note">
                  {device.vendor !== undefined && <Told text={device.vendor} />}{' '}
                  <When ms={device.firstSeenMs} relative />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      {generations.length > 0 && (
        <>
          <h3>{texts.newSettings}</h3>
          <ul class="plain">
            {generations.map(({ number, summary, timeMs }) => (
              <li key={number}>
                <a href={`/changes?generation=${number}`}>{t.value.changes.generation(number)}</a>{' '}
                <Told text={summary} />{' '}
                <span class="note">
                  <When ms={timeMs} relative />
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
      {names.length > 0 && (
        <>
          <h3>{texts.newNames}</h3>
          <ul class="tags">
            {names.slice(0, MOST_NAMES).map((name) => (
              <li key={name}>
                <a
                  class="tag"
                  href={`/search?${new URLSearchParams({ text: name, since: '24h' }).toString()}`}
                >
                  <Told text={name} />
                </a>
              </li>
            ))}
            {names.length > MOST_NAMES && <li class="note">{texts.more(names.length - MOST_NAMES)}</li>}
          </ul>
        </>
      )}
    </Card>
  )
}
