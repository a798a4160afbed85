import { bar } from './bars.ts'
import { keyStyle, noteCell } from './notes.ts'
import { type Cell, type Column, type Row, type Screen, screenTable, styled } from './screen.ts'
import { serviceOf } from './services.ts'
import { type Span, spanText } from './span-text.ts'
import type { Top, TopBy, TopRow } from './top.ts'
import { bytesText, countOf, countText, shareText } from './units.ts'

/** Columns of a bar, in a terminal that has room. */
const BAR = 20
const NARROW_BAR = 10
const WIDE = 100

const HEADINGS: Readonly<Record<TopBy, readonly [string, string?]>> = {
  device: ['DEVICE', 'NETWORK'],
  name: ['NAME'],
  address: ['ADDRESS', 'NAME'],
  port: ['PORT', 'SERVICE'],
  zone: ['ZONE'],
}

/** `sekisho top` for people. */
export function topScreen(screen: Screen, by: TopBy, { rows, total }: Top, span: Span): string {
  const caption = styled(screen, { text: captionOf(by, span), style: 'dim' })
  if (rows.length === 0) return `${caption}\nNo connection was recorded.\n`
  const all = total.down + total.up
  const columns = barColumns(screen)
  const table = screenTable(
    screen,
    columnsOf(by, rows, columns),
    rows.map((row) => cellsOf(by, rows, row, all, columns)),
  )
  const more = total.keys - rows.length
  const sum = `${bytesText(total.down)} down, ${bytesText(total.up)} up in ${countOf(total.connections, 'connection')}${more > 0 ? `; ${countText(more)} more not shown (--limit)` : ''}`
  return `${caption}\n${table}${styled(screen, { text: sum, style: 'dim' })}\n`
}

function captionOf(by: TopBy, span: Span): string {
  return `Traffic by ${by} ${spanText(span)}`
}

function barColumns({ width }: Screen): number {
  return width === undefined ? 0 : width >= WIDE ? BAR : NARROW_BAR
}

function columnsOf(by: TopBy, rows: readonly TopRow[], columns: number): Column[] {
  const [key, of] = HEADINGS[by]
  return [
    { heading: key, least: 12 },
    ...(of === undefined ? [] : [{ heading: of, least: 8 }]),
    { heading: 'DOWN', right: true },
    { heading: 'UP', right: true },
    { heading: 'SHARE', right: true },
    ...(columns > 0 ? [{ heading: '' }] : []),
    { heading: 'CONNS', right: true },
    ...(by === 'device' ? [] : [{ heading: 'DEVICES', right: true as const }]),
    ...(rows.some(({ note }) => note) ? [{ heading: '' }] : []),
  ]
}

function cellsOf(by: TopBy, rows: readonly TopRow[], row: TopRow, all: number, columns: number): Row {
  const { key, note, of, down, up, connections, devices } = row
  const share = all === 0 ? 0 : (down + up) / all
  const most = rows[0] ? rows[0].down + rows[0].up : 0
  // Beside the highest: a bar that is a twentieth of its room says nothing.
  const its = bar(most === 0 ? 0 : (down + up) / most, columns).padEnd(columns)
  return [
    { text: key, style: keyStyle(note) },
    ...(HEADINGS[by][1] === undefined ? [] : [secondCell(by, key, of)]),
    bytesText(down),
    bytesText(up),
    shareText(share),
    ...(columns > 0 ? [{ text: its, style: 'green' as const }] : []),
    countText(connections),
    ...(by === 'device' ? [] : [countText(devices)]),
    ...(note ? [noteCell(note)] : []),
  ]
}

function secondCell(by: TopBy, key: string, of: string | undefined): Cell {
  return { text: (by === 'port' ? (of ?? serviceOf(key)) : of) ?? '-' }
}
