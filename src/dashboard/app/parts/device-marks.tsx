import type { DeviceRow } from '../../api.ts'
import { t } from '../i18n/messages.ts'

/** What is special about a device. */
export function DeviceMarks({ device }: { readonly device: DeviceRow }) {
  const texts = t.value.devices
  return (
    <>
      {device.paused && <span class="mark bad">{texts.paused}</span>}
      {device.reserved && <span class="mark">{texts.reserved}</span>}
      {device.randomMac && (
        <span class="mark" title={texts.randomWhy}>
          {texts.random}
        </span>
      )}
    </>
  )
}
