import { createColors } from 'picocolors'
import { clip, screenText, screenWidth } from '../query/screen-text.ts'

/** What an answer for people is written on. */
export interface Screen {
  /** Columns of the terminal; undefined where there is none: lines are as long as they are, without bars. */
  readonly width?: number
  readonly color: boolean
}

export type Style = 'bold' | 'dim' | 'cyan' | 'green' | 'yellow' | 'red' | 'magenta'

/** A text of a table; `text` may be whatever a record holds. */
export interface Cell {
  readonly text: string
  readonly style?: Style
}

export interface Column {
  readonly heading: string
  /** Numbers stand at the right. */
  readonly right?: true
  /** Gives way where the terminal is narrow, down to so many columns. */
  readonly least?: number
}

export type Row = readonly (Cell | string)[]

const GAP = 2

/** Text made harmless, in a style. */
export function styled(screen: Screen, { text, style }: Cell): string {
  return paint(screen, screenText(text), style)
}

/** A text of ours or of a record's, cut to what is left of a line when so many columns are taken. */
export function within({ width }: Screen, text: string, taken = 0): string {
  const harmless = screenText(text)
  return width === undefined ? harmless : clip(harmless, Math.max(1, width - taken))
}

/** Texts one after the other on a line, which is cut where the terminal ends. */
export function styledLine(screen: Screen, cells: readonly Cell[]): string {
  let room = screen.width ?? Number.POSITIVE_INFINITY
  const shown: string[] = []
  for (const { text, style } of cells) {
    if (room <= 0 || text === '') continue
    const harmless = clip(screenText(text), room)
    shown.push(paint(screen, harmless, style))
    room -= screenWidth(harmless) + GAP
  }
  return shown.join(' '.repeat(GAP)).trimEnd()
}

function paint({ color }: Screen, text: string, style: Style | undefined): string {
  return style === undefined ? text : createColors(color)[style](text)
}

/** Aligned columns under a heading; what has no room is cut, and no line is longer than the terminal is wide. */
export function screenTable(screen: Screen, columns: readonly Column[], rows: readonly Row[]): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell)))
  const harmless = cells.map((row) => row.map(({ text, style }) => ({ text: screenText(text), style })))
  const widths = columns.map(({ heading }, i) =>
    Math.max(screenWidth(heading), ...harmless.map((row) => screenWidth(row[i]?.text ?? ''))),
  )
  if (screen.width !== undefined) narrow(widths, columns, screen.width)
  const head = columns.map(({ heading }) => ({ text: heading, style: 'bold' as const }))
  return [head, ...harmless].map((row) => `${line(screen, columns, widths, row)}\n`).join('')
}

function line(
  screen: Screen,
  columns: readonly Column[],
  widths: readonly number[],
  row: readonly { readonly text: string; readonly style?: Style | undefined }[],
): string {
  let room = screen.width ?? Number.POSITIVE_INFINITY
  const last = row.findLastIndex(({ text }) => text !== '')
  let whole = ''
  for (const [i, { text, style }] of row.slice(0, last + 1).entries()) {
    const width = Math.min(widths[i] ?? 0, room)
    if (width <= 0) break
    const shown = clip(text, width)
    const space = ' '.repeat(Math.max(0, width - screenWidth(shown)))
    const painted = paint(screen, shown, style)
    const right = columns[i]?.right === true
    whole += right ? space + painted : i === last ? painted : painted + space
    room -= width + GAP
    if (i < last && room > 0) whole += ' '.repeat(GAP)
  }
  return whole
}

/** The widest of those that may give way do, one column after the other. */
function narrow(widths: number[], columns: readonly Column[], width: number): void {
  const over = (): number => widths.reduce((sum, one) => sum + one + GAP, -GAP) - width
  for (let excess = over(); excess > 0; excess -= 1) {
    let widest = -1
    for (const [i, { least }] of columns.entries())
      if (least !== undefined && (widths[i] ?? 0) > least && (widths[i] ?? 0) > (widths[widest] ?? 0))
        widest = i
    if (widest === -1) return
    widths[widest] = (widths[widest] ?? 0) - 1
  }
}
