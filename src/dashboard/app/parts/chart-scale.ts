import type { Span } from '../../api.ts'

/** Bars from the bottom up, `[index, bottom, top]` in parts of the height (0 to 1). */
type BarAt = readonly [index: number, from: number, to: number]

/** One path for all bars of a series, in a drawing `count` wide and 100 high; those that are next to nothing are seen still. */
export function barsPath(bars: readonly BarAt[], gap: number): string {
  return bars
    .filter(([, from, to]) => to > from)
    .map(([index, from, to]) => {
      const height = Math.max(1, (to - from) * 100)
      return `M${round(index + gap / 2)} ${round(100 - from * 100)}v${round(-height)}h${round(1 - gap)}v${round(height)}z`
    })
    .join('')
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}

/** The time of the parts from one to another, whichever comes first, both included. */
export function spanOfParts(series: { fromMs: number; partMs: number }, a: number, b: number): Span {
  const [first, last] = a <= b ? [a, b] : [b, a]
  return {
    fromMs: series.fromMs + first * series.partMs,
    toMs: series.fromMs + (last + 1) * series.partMs,
  }
}

/** Three times as long around the same middle, and not beyond now. */
export function wider({ fromMs, toMs }: Span, nowMs: number): Span {
  const length = toMs - fromMs
  const end = Math.min(Math.max(nowMs, toMs), toMs + length)
  return { fromMs: Math.max(0, end - 3 * length), toMs: end }
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEPS = [
  MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  14 * DAY,
  30 * DAY,
  91 * DAY,
  182 * DAY,
  365 * DAY,
]

/** So near to an end a text would be cut off: nothing is named there while there is something else to name. */
const MARGIN = 0.05

/** Up to `most` moments to name at an axis: round ones by a clock that is `offsetMs` ahead of UTC. */
export function ticks({ fromMs, toMs }: Span, offsetMs: number, most: number): number[] {
  const step = STEPS.find((one) => (toMs - fromMs) / one <= most) ?? (toMs - fromMs) / most
  const first = Math.ceil((fromMs + offsetMs) / step) * step - offsetMs
  const all: number[] = []
  for (let at = first; at <= toMs && all.length <= most; at += step) all.push(at)
  const margin = (toMs - fromMs) * MARGIN
  const clear = all.filter((at) => at - fromMs >= margin && toMs - at >= margin)
  return clear.length > 0 ? clear : all
}
