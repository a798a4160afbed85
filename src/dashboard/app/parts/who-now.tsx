import type { LiveEvents } from '../../api.ts'
import { t } from '../i18n/messages.ts'
import { rates } from '../live.ts'
import { Bar } from './bar.tsx'
import { Card } from './card.tsx'
import { DeviceLink } from './device-link.tsx'
import { Volume } from './volume.tsx'

type Moving = LiveEvents['rates']['devices'][number]

/** Over how many seconds a device's rate is told: by the second the list would never be still. */
const SECONDS = 5
const MOST = 7

/** Which devices move data now, and how much each second. */
export function WhoNow() {
  const texts = t.value.now
  const moving = averages(rates.value.slice(-SECONDS))
  const most = Math.max(1, ...moving.map(({ down, up }) => down + up))
  return (
    <Card title={texts.who} class="who">
      {moving.length === 0 && <p class="note">{rates.value.length === 0 ? texts.noLive : texts.whoEmpty}</p>}
      <ul class="bars">
        {moving.map((device) => (
          <li key={device.deviceId}>
            <span class="bars-name">
              <DeviceLink id={device.deviceId} name={device.name} />
            </span>
            <Volume down={device.down} up={device.up} perSecond />
            <Bar down={device.down} up={device.up} most={most} />
          </li>
        ))}
      </ul>
    </Card>
  )
}

function averages(events: readonly LiveEvents['rates'][]): Moving[] {
  const sums = new Map<string, Moving>()
  for (const device of events.flatMap(({ devices }) => devices)) {
    const { down = 0, up = 0 } = sums.get(device.deviceId) ?? {}
    sums.set(device.deviceId, { ...device, down: down + device.down, up: up + device.up })
  }
  return [...sums.values()]
    .map((one) => ({ ...one, down: one.down / events.length, up: one.up / events.length }))
    .sort((a, b) => b.down + b.up - a.down - a.up)
    .slice(0, MOST)
}
