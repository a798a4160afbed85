import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { screenWidth, UNSAFE } from '../query/screen-text.ts'
import { type Screen, screenTable, styledLine, within } from './screen.ts'

const COLUMNS = [
  { heading: 'NAME', least: 4 },
  { heading: 'BYTES', right: true },
  { heading: 'OF', least: 4 },
] as const

const ROWS = [
  [{ text: 'www.example.org', style: 'cyan' }, '1.0 kB', 'a longer text'],
  ['日本', '12 B', ''],
] as const

test('columns are aligned, and nothing follows the last text of a line', () => {
  expect(screenTable({ color: false }, COLUMNS, ROWS)).toBe(
    'NAME              BYTES  OF\nwww.example.org  1.0 kB  a longer text\n日本               12 B\n',
  )
})

test('where there is no room the widest gives way first', () => {
  expect(screenTable({ color: false, width: 30 }, COLUMNS, ROWS)).toBe(
    'NAME         BYTES  OF\nwww.examp…  1.0 kB  a longer …\n日本          12 B\n',
  )
})

test('colors change no width', () => {
  for (const width of [undefined, 30]) {
    const screen = width === undefined ? {} : { width }
    const colored = screenTable({ ...screen, color: true }, COLUMNS, ROWS)
    expect(colored).toContain('\u001b[36m')
    expect(stripVTControlCharacters(colored)).toBe(screenTable({ ...screen, color: false }, COLUMNS, ROWS))
  }
})

test('whatever is in a cell: no line is wider than the terminal, and none drives it', () => {
  const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constant('\u001b[2J\n日本語\u202e'))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(text, text, text), { maxLength: 5 }),
      fc.integer({ min: 1, max: 60 }),
      (rows, width) => {
        const screen: Screen = { color: false, width }
        const lines = [
          ...screenTable(screen, COLUMNS, rows).split('\n'),
          ...rows.map((row) =>
            styledLine(
              screen,
              row.map((cell) => ({ text: cell })),
            ),
          ),
          ...rows.map(([cell]) => within(screen, cell)),
        ]
        for (const line of lines) {
          expect(line.match(UNSAFE)).toBe(null)
          expect(screenWidth(line)).toBeLessThanOrEqual(width)
        }
      },
    ),
  )
})
