import { printable } from '../../../lib/printable.ts'
import type { Alert, AlertKind } from '../../api.ts'
import { t } from '../i18n/messages.ts'
import { Icon, type IconName } from './icons.tsx'
import { Told } from './text.tsx'
import { When } from './when.tsx'

type Weight = 'bad' | 'warn' | 'info'

/** How bad each is, and where more of it is to be seen. */
const KINDS: Readonly<
  Record<AlertKind, { readonly weight: Weight; readonly at?: (subject: string) => string }>
> = {
  'wan-down': { weight: 'bad' },
  'service-unhealthy': { weight: 'bad', at: (subject) => `/services?${query({ lines: subject })}` },
  'records-lost': { weight: 'bad', at: () => '/services' },
  'over-budget': { weight: 'warn', at: () => '/archive' },
  unconfirmed: { weight: 'warn', at: () => '/changes' },
  'dns-bypass': { weight: 'warn', at: (client) => `/names?${query({ client, bypass: 'true' })}` },
  unresolved: { weight: 'warn', at: (client) => `/connections?${query({ client, unresolved: 'true' })}` },
  'new-device': { weight: 'info', at: (text) => `/devices?${query({ text })}` },
}

const ICONS = { bad: 'warn', warn: 'warn', info: 'info' } as const satisfies Record<Weight, IconName>

function query(values: Record<string, string>): string {
  return new URLSearchParams(values).toString()
}

/** What somebody should know; a screen reader says what comes to it. */
export function AlertList({ alerts }: { readonly alerts: readonly Alert[] }) {
  return (
    <div aria-live="polite">
      {alerts.length === 0 ? (
        <p class="all-well">
          <Icon name="check" /> {t.value.now.noAlerts}
        </p>
      ) : (
        <ul class="alerts">
          {alerts.map((alert) => (
            <li
              key={`${alert.kind} ${alert.subject} ${alert.detail}`}
              class={KINDS[alert.kind]?.weight ?? 'info'}
            >
              <AlertLine alert={alert} />
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

function AlertLine({ alert }: { readonly alert: Alert }) {
  const { kind, subject = '', detail, timeMs } = alert
  // A server that is newer than this page may have kinds that it does not know.
  const { weight, at } = KINDS[kind] ?? { weight: 'info' }
  const words = t.value.alerts[kind]?.(printable(subject)) ?? `${kind} ${printable(subject)}`
  return (
    <>
      <Icon name={ICONS[weight]} />
      <div>
        <p>
          {at === undefined ? (
            <bdi>{words}</bdi>
          ) : (
            <a href={at(subject)}>
              <bdi>{words}</bdi>
            </a>
          )}
        </p>
        <p class="note">
          {detail !== undefined && <Told text={detail} />}{' '}
          {timeMs !== undefined && <When ms={timeMs} relative />}
        </p>
      </div>
    </>
  )
}
