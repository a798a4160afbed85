import type { Plain } from './plain-value.ts'
import { clip, screenText, screenWidth, UNSAFE } from './screen-text.ts'

export interface Row {
  readonly [column: string]: Plain
}

/** Turns rows into text, some at a time. */
export interface RowWriter {
  rows(rows: readonly Row[]): string
  /** What is still to be said. */
  end(): string
}

/** A JSON object a line. What JSON lets through raw and a terminal obeys is escaped, which reads the same. */
export function jsonWriter(keepNulls: boolean): RowWriter {
  return {
    rows: (rows) =>
      rows
        .map(
          (row) =>
            `${jsonLine(keepNulls ? row : Object.fromEntries(Object.entries(row).filter(([, v]) => v !== null)))}\n`,
        )
        .join(''),
    end: () => '',
  }
}

/** A value on a line of JSON, which drives no terminal. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, i) => unitEscape(character.charCodeAt(i))).join(''),
  )
}

function unitEscape(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}

/**
 * RFC 4180 with a header and LF. Text that a spreadsheet would take for a formula gets an apostrophe before it, and
 * control characters are escaped: rows hold what strangers sent.
 */
export function csvWriter(columns: readonly string[]): RowWriter {
  let header = `${columns.map(csvCell).join(',')}\n`
  return {
    rows(rows) {
      const text =
        header +
        rows.map((row) => `${columns.map((name) => csvCell(row[name] ?? null)).join(',')}\n`).join('')
      header = ''
      return text
    },
    end: () => header,
  }
}

function csvCell(value: Plain): string {
  if (value === null) return ''
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const raw = typeof value === 'string' ? value : JSON.stringify(value)
  const guarded = /^[\s]*[=+\-@]/.test(raw) && !/^-?\d+(\.\d+)?$/.test(raw) ? `'${raw}` : raw
  const text = guarded.split('\n').map(screenText).join('\n')
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export interface TableOptions {
  /** Columns of the terminal; undefined: lines are as long as they are. */
  readonly width?: number
  readonly color?: boolean
}

/** Rows whose widths decide how the columns are aligned. */
const FIRST_ROWS = 500
const MOST = 60
const MINIMUM = 8
const LAST_SHARE = 0.4

/** Aligned columns under a heading; cells of more than one line or with control characters are escaped. */
export function tableWriter(columns: readonly string[], { width, color = false }: TableOptions): RowWriter {
  let waiting: string[][] = []
  let widths: number[] | undefined
  const numeric = columns.map(() => true)

  function line(cells: readonly string[], right: readonly boolean[]): string {
    const last = cells.length - 1
    const text = cells
      .map((cell, i) => pad(cell, widths?.[i] ?? 0, right[i] === true, i === last, width !== undefined))
      .join('  ')
    return `${fitLine(text.trimEnd())}\n`
  }
  function fitLine(text: string): string {
    return width === undefined ? text : clip(text, width)
  }
  function flush(): string {
    const rows = waiting
    waiting = []
    if (widths) return rows.map((row) => line(row, numeric)).join('')
    widths = columns.map((name, i) =>
      Math.max(screenWidth(name), ...rows.map((row) => Math.min(MOST, screenWidth(row[i] ?? '')))),
    )
    if (width !== undefined) widths = narrowed(widths, width)
    // What nothing comes after is not padded.
    if (!numeric.at(-1)) widths[widths.length - 1] = 0
    const heading = line(columns.map(screenText), numeric)
    return (
      (color ? `\u001b[1m${heading.trimEnd()}\u001b[0m\n` : heading) +
      rows.map((row) => line(row, numeric)).join('')
    )
  }
  return {
    rows(rows) {
      for (const row of rows) {
        for (const [i, name] of columns.entries())
          if (!widths && row[name] !== null && row[name] !== undefined && typeof row[name] !== 'number')
            numeric[i] = false
        waiting.push(columns.map((name) => cellText(row[name] ?? null)))
      }
      return widths || waiting.length >= FIRST_ROWS ? flush() : ''
    },
    end: () => (waiting.length > 0 ? flush() : ''),
  }
}

function cellText(value: Plain): string {
  if (value === null) return ''
  return screenText(typeof value === 'object' ? JSON.stringify(value) : String(value))
}

function pad(cell: string, width: number, right: boolean, last: boolean, narrow: boolean): string {
  const text = last || !narrow ? cell : clip(cell, width)
  const space = ' '.repeat(Math.max(0, width - screenWidth(text)))
  return right ? space + text : text + space
}

/** The widest columns give way, the last one to a good part of the line and then no further. */
function narrowed(widths: readonly number[], width: number): number[] {
  const result = [...widths]
  const last = result.length - 1
  result[last] = Math.min(result[last] ?? 0, Math.floor(width * LAST_SHARE))
  const over = (): number => result.reduce((sum, w) => sum + w + 2, -2) - width
  for (let excess = over(); excess > 0; excess = over()) {
    const widest = Math.max(...result.slice(0, -1), 0)
    if (widest <= MINIMUM) break
    result[result.indexOf(widest)] = Math.max(MINIMUM, widest - excess)
  }
  return result
}
