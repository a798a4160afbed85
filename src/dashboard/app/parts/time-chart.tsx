import { useId, useRef, useState } from 'preact/hooks'
import type { Series, Span } from '../../api.ts'
import { moment, tick } from '../format.ts'
import { t } from '../i18n/messages.ts'
import { timezone } from '../session.ts'
import { wallClock } from '../wall-clock.ts'
import { barsPath, spanOfParts, ticks } from './chart-scale.ts'
import { isPhone } from './phone.ts'

interface Layer {
  readonly label: string
  readonly values: readonly number[]
  /** Of the style sheet: "down", "up", "bad", "accent". */
  readonly colour: string
}

interface TimeChartProps {
  /** What it shows. */
  readonly label: string
  readonly of: Pick<Series, 'fromMs' | 'partMs'>
  /** On top of each other. */
  readonly layers: readonly Layer[]
  readonly text: (value: number) => string
  /** With it a part of the time can be chosen, by dragging or with the keyboard. */
  readonly onZoom?: (span: Span) => void
  readonly onWider?: () => void
  readonly tall?: boolean
}

/** How much there was over a time, as bars. What it says in colours it says in words as well. */
export function TimeChart({ label, of, layers, text, onZoom, onWider, tall = false }: TimeChartProps) {
  const helpId = useId()
  const drawing = useRef<HTMLDivElement>(null)
  const [at, setAt] = useState<number | undefined>(undefined)
  const [anchor, setAnchor] = useState<number | undefined>(undefined)
  const [dragging, setDragging] = useState(false)
  const count = Math.max(0, ...layers.map(({ values }) => values.length))
  const total = (index: number): number => layers.reduce((sum, { values }) => sum + (values[index] ?? 0), 0)
  const totals = Array.from({ length: count }, (_, index) => total(index))
  const most = Math.max(0, ...totals)
  const mostAt = totals.indexOf(most)
  const whole = spanOfParts(of, 0, Math.max(0, count - 1))
  const length = whole.toMs - whole.fromMs
  const zone = timezone.value
  const offset = Date.parse(`${wallClock(whole.toMs, zone)}Z`) - Math.floor(whole.toMs / 60_000) * 60_000
  const named = ticks(whole, offset, isPhone.value ? 4 : 7)

  const tell = (index: number): string => {
    const { fromMs } = spanOfParts(of, index, index)
    const parts = layers.map((layer) => `${layer.label} ${text(layer.values[index] ?? 0)}`)
    return `${moment(fromMs)} · ${parts.join(' · ')}`
  }
  const chosen = anchor === undefined || at === undefined ? undefined : spanOfParts(of, anchor, at)
  const isWide = anchor !== undefined && at !== undefined && anchor !== at
  const readout =
    chosen !== undefined && isWide
      ? t.value.search.selected(moment(chosen.fromMs), moment(chosen.toMs))
      : at !== undefined
        ? tell(at)
        : count === 0 || most === 0
          ? t.value.traffic.nothing
          : t.value.traffic.most(`${tell(mostAt)}`)

  const indexAt = (event: PointerEvent): number => {
    const box = drawing.current?.getBoundingClientRect()
    if (box === undefined || box.width === 0) return 0
    return clamp(Math.floor(((event.clientX - box.left) / box.width) * count))
  }
  const clamp = (index: number): number => Math.min(Math.max(0, count - 1), Math.max(0, index))
  const zoom = (): void => {
    if (onZoom !== undefined && at !== undefined) onZoom(spanOfParts(of, anchor ?? at, at))
    setAnchor(undefined)
    setAt(undefined)
  }
  const onKey = (event: KeyboardEvent): void => {
    const move = (to: number): void => {
      if (event.shiftKey && onZoom !== undefined) setAnchor(anchor ?? at ?? clamp(to))
      else setAnchor(undefined)
      setAt(clamp(to))
    }
    const here = at ?? mostAt
    const moves: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => move(here - 1),
      ArrowRight: () => move(here + 1),
      PageUp: () => move(here - 10),
      PageDown: () => move(here + 10),
      Home: () => move(0),
      End: () => move(count - 1),
      Escape: () => {
        setAnchor(undefined)
        setAt(undefined)
      },
      ...(onZoom && { Enter: zoom, '+': zoom }),
      ...(onWider && { '-': onWider }),
    }
    const act = moves[event.key]
    if (act === undefined || count === 0) return
    event.preventDefault()
    act()
  }
  const selection =
    anchor !== undefined && at !== undefined ? [Math.min(anchor, at), Math.abs(anchor - at) + 1] : undefined

  return (
    <figure class={`time-chart ${tall ? 'tall' : ''}`}>
      <figcaption class="chart-readout">
        <span>{readout}</span>
        <span class="legend" aria-hidden="true">
          {layers.length > 1 &&
            layers.map((layer) => (
              <span key={layer.label} class={`legend-${layer.colour}`}>
                {layer.label}
              </span>
            ))}
        </span>
      </figcaption>
      <div
        ref={drawing}
        class={onZoom === undefined ? 'chart-bars' : 'chart-bars zooms'}
        role="slider"
        tabIndex={0}
        aria-label={label}
        aria-describedby={onZoom === undefined ? undefined : helpId}
        aria-orientation="horizontal"
        aria-valuemin={0}
        aria-valuemax={Math.max(0, count - 1)}
        aria-valuenow={at ?? Math.max(0, mostAt)}
        aria-valuetext={readout}
        onKeyDown={onKey}
        onBlur={() => {
          setAt(undefined)
          setAnchor(undefined)
        }}
        onPointerDown={(event) => {
          if (onZoom === undefined || event.pointerType === 'touch' || event.button !== 0) return
          event.currentTarget.setPointerCapture(event.pointerId)
          setDragging(true)
          setAt(indexAt(event))
          setAnchor(indexAt(event))
        }}
        onPointerMove={(event) => setAt(indexAt(event))}
        onPointerUp={() => {
          if (!dragging) return
          setDragging(false)
          if (isWide) zoom()
          else setAnchor(undefined)
        }}
        onPointerLeave={() => {
          if (!dragging) setAt(undefined)
        }}
      >
        <svg
          viewBox={`0 0 ${Math.max(1, count)} 100`}
          preserveAspectRatio="none"
          aria-hidden="true"
          focusable="false"
        >
          <rect class="chart-floor" x="0" y="99.5" width={Math.max(1, count)} height="0.5" />
          {selection !== undefined && (
            <rect class="chart-selection" x={selection[0]} y="0" width={selection[1]} height="100" />
          )}
          {selection === undefined && at !== undefined && (
            <rect class="chart-cursor" x={at} y="0" width="1" height="100" />
          )}
          {layers.map((layer, depth) => (
            <path
              key={layer.label}
              class={`fill-${layer.colour}`}
              d={barsPath(
                layer.values.map((value, index) => {
                  const below = layers
                    .slice(0, depth)
                    .reduce((sum, { values }) => sum + (values[index] ?? 0), 0)
                  return [
                    index,
                    most === 0 ? 0 : below / most,
                    most === 0 ? 0 : (below + value) / most,
                  ] as const
                }),
                count > 150 ? 0.1 : 0.25,
              )}
            />
          ))}
        </svg>
      </div>
      <svg class="chart-axis" aria-hidden="true" focusable="false" height="16">
        {named.map((ms) => {
          const share = (ms - whole.fromMs) / length
          if (share < 0.02 || share > 0.98) return null
          return (
            <text key={ms} x={`${(share * 100).toFixed(2)}%`} y="12" text-anchor="middle">
              {tick(ms, length)}
            </text>
          )
        })}
      </svg>
      {onZoom !== undefined && (
        <p id={helpId} class="hidden">
          {t.value.search.chartHelp}
        </p>
      )}
    </figure>
  )
}
