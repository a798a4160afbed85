/** A moment as the clocks on the walls of a time zone show it: "2026-11-27T14:03", as inputs of type datetime-local have it. */
export function wallClock(ms: number, timeZone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(ms)
  const part = (type: string): string => parts.find((one) => one.type === type)?.value ?? ''
  return `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}T${part('hour')}:${part('minute')}`
}

/**
 * The moment of a wall clock's text in a time zone; undefined where it is no time. An hour that a change of the clocks
 * skips is taken as the one before it.
 */
export function momentOf(text: string, timeZone: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(text)) return undefined
  const asUtc = Date.parse(`${text}Z`)
  if (Number.isNaN(asUtc)) return undefined
  const offset = (ms: number): number =>
    Date.parse(`${wallClock(ms, timeZone)}Z`) - Math.floor(ms / 60_000) * 60_000
  // The offset at the time as if in UTC is nearly always the one; near a change of the clocks it is looked at again.
  const first = asUtc - offset(asUtc)
  return asUtc - offset(first)
}
