import { describe, expect, it } from 'vitest'
import { csvWriter, jsonWriter, type Row, type RowWriter, tableWriter } from './write-rows.ts'

function written(writer: RowWriter, rows: readonly Row[]): string {
  return writer.rows(rows) + writer.end()
}

describe('json', () => {
  it('is a line each, reads back as it was, and drives no terminal', () => {
    const row = { a: 'x\u009b31m\u202e\u{e0001}\u2028\n', b: [1, { c: null }], d: null }
    const text = written(jsonWriter(true), [row, row])
    expect(text).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    expect(
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([row, row])
  })

  it('leaves empty fields of a record out', () => {
    expect(written(jsonWriter(false), [{ a: null, b: false, c: 0 }])).toBe('{"b":false,"c":0}\n')
  })
})

describe('csv', () => {
  it('has a header, also without rows', () => {
    expect(written(csvWriter(['a', 'b,c']), [])).toBe('a,"b,c"\n')
  })

  it.each([
    ['plain', 'plain'],
    ['a"b', '"a""b"'],
    ['a,b', '"a,b"'],
    ['a\nb', '"a\nb"'],
    ['a\u001b[2J', 'a\\x1b[2J'],
    ['=1+1', "'=1+1"],
    ['\t=1+1', "'\\t=1+1"],
    ['+1', "'+1"],
    ['-5', '-5'],
    ['-5.25', '-5.25'],
    ['-5+2', "'-5+2"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['', ''],
  ])('writes %j as %s', (text, cell) => {
    expect(written(csvWriter(['a']), [{ a: text }])).toBe(`a\n${cell}\n`)
  })

  it('writes numbers and structures', () => {
    expect(written(csvWriter(['a', 'b', 'c']), [{ a: -5, b: [{ x: 1 }], c: null }])).toBe(
      'a,b,c\n-5,"[{""x"":1}]",\n',
    )
  })
})

describe('table', () => {
  it('aligns by what is seen, numbers to the right', () => {
    const rows = [
      { name: '日本', n: 5, text: 'a' },
      { name: 'abcdef', n: 12_345, text: 'line\nbreak' },
    ]
    expect(written(tableWriter(['name', 'n', 'text'], {}), rows)).toBe(
      'name        n  text\n日本        5  a\nabcdef  12345  line\\nbreak\n',
    )
  })

  it('fits the terminal: wide columns give way, and lines end', () => {
    const rows = [{ a: 'x'.repeat(100), b: 'y'.repeat(100) }]
    const lines = written(tableWriter(['a', 'b'], { width: 40 }), rows).split('\n')
    expect(lines[1]).toHaveLength(40)
    expect(lines[1]).toMatch(/^x+… {2}y+…$/)
  })

  it('cuts nothing for a pipe', () => {
    const text = 'x'.repeat(500)
    expect(written(tableWriter(['a', 'b'], {}), [{ a: text, b: text }])).toContain(`${text}  ${text}`)
  })

  it('says nothing when there is nothing', () => {
    expect(written(tableWriter(['a'], {}), [])).toBe('')
  })
})
