import { bytes, rate } from '../format.ts'
import { t } from '../i18n/messages.ts'

interface VolumeProps {
  readonly down: number
  readonly up: number
  /** They are bytes per second. */
  readonly perSecond?: boolean
}

/** Down and up, with their arrows in their colours. */
export function Volume({ down, up, perSecond = false }: VolumeProps) {
  const text = perSecond ? rate : bytes
  return (
    <span class="volume">
      <span class="ink-down">
        <span aria-hidden="true">↓</span>
        <span class="hidden">{t.value.traffic.down}</span> {text(down)}
      </span>{' '}
      <span class="ink-up">
        <span aria-hidden="true">↑</span>
        <span class="hidden">{t.value.traffic.up}</span> {text(up)}
      </span>
    </span>
  )
}
