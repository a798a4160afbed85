import { minuteText } from './units.ts'

export interface Span {
  readonly fromMs?: number
  readonly toMs?: number
}

/** "since 2026-11-23 10:15 until 2026-11-24 00:00". */
export function spanText({ fromMs, toMs }: Span): string {
  const parts = [
    ...(fromMs === undefined ? [] : [`since ${minuteText(fromMs)}`]),
    ...(toMs === undefined ? [] : [`until ${minuteText(toMs)}`]),
  ]
  return parts.join(' ') || 'since the beginning'
}
