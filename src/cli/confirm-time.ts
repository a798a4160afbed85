const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 }

/** Shorter, nobody could look; longer, it would no longer be an experiment. */
const LEAST_SECS = 10
const MOST_SECS = 24 * 3600

/** Seconds of a time like 90s, 2m or 1h, or what is wrong with it, in words. */
export function parseConfirmTime(text: string): number | string {
  const match = /^(\d{1,6})([smh])$/.exec(text)
  const secs = Number(match?.[1]) * (UNITS[match?.[2] ?? ''] ?? Number.NaN)
  if (secs >= LEAST_SECS && secs <= MOST_SECS) return secs
  const wrong = Number.isNaN(secs)
    ? `${JSON.stringify(text)} is no time`
    : `${text} is too ${secs < LEAST_SECS ? 'short' : 'long'}`
  return `--confirm: ${wrong}. Fix: give a time between 10s and 24h, like 90s, 2m or 1h`
}
