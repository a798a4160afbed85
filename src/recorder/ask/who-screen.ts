import { type Row, type Screen, screenTable, styled, within } from './screen.ts'
import { type Span, spanText } from './span-text.ts'
import { bytesText, countOf, countText, minuteText, momentText } from './units.ts'
import type { Talker, Target, Who } from './who.ts'

/** A connection that goes on is recorded at an interval, one that ended up to two minutes after: nobody knows yet. */
const UNKNOWN_MS = 10 * 60_000
const MOST_ADDRESSES = 8
/** Columns of a terminal in which times have seconds. */
const WIDE = 100

/** `sekisho who` for people. */
export function whoScreen(screen: Screen, target: Target, who: Who, span: Span, now: number): string {
  const { talkers, addresses } = who
  const what = target.kind === 'name' ? target.name : target.label
  const given =
    target.kind === 'name'
      ? `asked for ${what}`
      : `was given ${what}${span.fromMs === undefined ? ' in the last day' : ''}`
  const when = span.fromMs === undefined && span.toMs === undefined ? '' : ` ${spanText(span)}`
  if (talkers.length === 0)
    return `${styled(screen, { text: `Nobody ${given} or connected to it${when}.` })}\n`
  const table = screenTable(
    screen,
    [
      { heading: 'DEVICE', least: 12 },
      { heading: 'FIRST' },
      { heading: 'LAST' },
      { heading: 'ASKED', right: true },
      { heading: 'CONNS', right: true },
      { heading: 'DOWN', right: true },
      { heading: 'UP', right: true },
    ],
    talkers.map((talker) => rowOf(screen, talker, now)),
  )
  const [heading = '', ...lines] = table.trimEnd().split('\n')
  const body = lines.flatMap((line, i) => {
    const talker = talkers[i]
    const details = talker ? detailsOf(talker, target, now) : []
    return [line, ...details.map((text) => detail(screen, text))]
  })
  const caption = `Who ${given} or connected to it${when}`
  const foot = addresses.length === 0 ? [] : [`its addresses: ${few(addresses, MOST_ADDRESSES)}`]
  return [
    styled(screen, { text: caption, style: 'dim' }),
    heading,
    ...body,
    ...foot.map((text) => styled(screen, { text: within(screen, text), style: 'dim' })),
    '',
  ].join('\n')
}

function rowOf({ width = WIDE }: Screen, talker: Talker, now: number): Row {
  const time = width < WIDE ? minuteText : momentText
  const { device, first, last, asked, connections, down, up } = talker
  const known = connections > 0
  const waiting = known || !isWaiting(talker, now) ? '-' : 'open?'
  return [
    { text: device, style: 'cyan' },
    time(first),
    time(last),
    asked === 0 ? { text: 'no', style: 'yellow' } : countText(asked),
    countText(connections),
    known ? bytesText(down) : waiting,
    known ? bytesText(up) : waiting,
  ]
}

/** Whether it asked so lately that a connection of it may not have been recorded. */
export function isWaiting({ lastAsked, lastRecorded, lastResponse }: Talker, now: number): boolean {
  if (lastAsked === undefined || lastResponse !== 'NOERROR' || now - lastAsked > UNKNOWN_MS) return false
  return lastRecorded === undefined || lastRecorded < lastAsked
}

function detailsOf(talker: Talker, target: Target, now: number): string[] {
  const { device, macAddress, addresses, names, connections, open, unresolved, incoming, lastResponse } =
    talker
  const identity = [...(macAddress === undefined || macAddress === device ? [] : [macAddress]), ...addresses]
  const below = target.kind === 'name' ? names.filter((name) => name !== target.name) : names
  const waiting = isWaiting(talker, now)
  const notes = [
    unresolved > 0 ? `${countOf(unresolved, 'connection')} to its addresses without having asked` : '',
    incoming > 0 ? `${countOf(incoming, 'connection')} came in` : '',
    open > 0 ? `${countOf(open, 'connection')} still open` : '',
    responseNote(lastResponse),
    waiting ? 'asked just now: no connection is on record yet' : '',
    connections === 0 && !waiting ? 'no connection followed' : '',
  ]
  return [
    few(
      identity.filter((one) => one !== device),
      4,
    ),
    below.length > 0 ? `asked for ${names.join(', ')}` : '',
    notes.filter((text) => text !== '').join('; '),
  ].filter((text) => text !== '')
}

function responseNote(response: string | undefined): string {
  if (response === undefined || response === 'NOERROR') return ''
  return response === 'timeout' ? 'its last question had no answer' : `its last answer was ${response}`
}

function detail(screen: Screen, text: string): string {
  return styled(screen, { text: within(screen, `  ${text}`), style: 'dim' })
}

function few(all: readonly string[], most: number): string {
  const more = all.length - most
  return all.slice(0, most).join(', ') + (more > 0 ? ` and ${countText(more)} more` : '')
}
