import { bar } from './bars.ts'
import { keyStyle, noteCell } from './notes.ts'
import { type Cell, type Column, type Row, type Screen, screenTable, styled } from './screen.ts'
import { serviceOf } from './services.ts'
import { type Span, spanText } from './span-text.ts'
import type { Top, TopBy, TopRow } from './top.ts'
import { bytesText, countOf, countText, shareText } from './units.ts'

/** Columns of a bar, in a terminal that has room. */
const BAR = 20
const NARROW_BAR = 6
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
  const shape = shapeOf(screen, by, rows)
  const all = total.down + total.up
  const table = screenTable(
    screen,
    columnsOf(shape),
    rows.map((row) => cellsOf(shape, row, all)),
  )
  const more = total.keys - rows.length
  const sum = `${bytesText(total.down)} down, ${bytesText(total.up)} up in ${countOf(total.connections, 'connection')}${more > 0 ? `; ${countText(more)} more not shown (--limit)` : ''}`
  return `${caption}\n${table}${styled(screen, { text: sum, style: 'dim' })}\n`
}

function captionOf(by: TopBy, span: Span): string {
  return `Traffic by ${by} ${spanText(span)}`
}

/** Which columns there is room for, and something to say in. */
interface Shape {
  readonly by: TopBy
  readonly bar: number
  readonly devices: boolean
  readonly notes: boolean
  /** What the highest has. */
  readonly most: number
}

function shapeOf({ width }: Screen, by: TopBy, rows: readonly TopRow[]): Shape {
  const wide = width === undefined || width >= WIDE
  return {
    by,
    bar: width === undefined ? 0 : wide ? BAR : NARROW_BAR,
    devices: by !== 'device' && wide,
    notes: rows.some(({ note }) => note),
    most: rows[0] ? rows[0].down + rows[0].up : 0,
  }
}

function columnsOf({ by, bar: columns, devices, notes }: Shape): Column[] {
  const [key, of] = HEADINGS[by]
  return [
    { heading: key, least: 12 },
    ...(of === undefined ? [] : [{ heading: of, least: 8 }]),
    { heading: 'DOWN', right: true },
    { heading: 'UP', right: true },
    { heading: 'SHARE', right: true },
    ...(columns > 0 ? [{ heading: '' }] : []),
    { heading: 'CONNS', right: true },
    ...(devices ? [{ heading: 'DEVICES', right: true as const }] : []),
    ...(notes ? [{ heading: '' }] : []),
  ]
}

function cellsOf(shape: Shape, row: TopRow, all: number): Row {
  const { key, note, of, down, up, connections, devices } = row
  const bytes = down + up
  // Beside the highest: a bar that is a twentieth of its room says nothing.
  const its = bar(shape.most === 0 ? 0 : bytes / shape.most, shape.bar).padEnd(shape.bar)
  return [
    { text: key, style: keyStyle(note) },
    ...(HEADINGS[shape.by][1] === undefined ? [] : [secondCell(shape.by, key, of)]),
    bytesText(down),
    bytesText(up),
    shareText(all === 0 ? 0 : bytes / all),
    ...(shape.bar > 0 ? [{ text: its, style: 'green' as const }] : []),
    countText(connections),
    ...(shape.devices ? [countText(devices)] : []),
    ...(note ? [noteCell(note)] : []),
  ]
}

function secondCell(by: TopBy, key: string, of: string | undefined): Cell {
  return { text: (by === 'port' ? (of ?? serviceOf(key)) : of) ?? '-' }
}
