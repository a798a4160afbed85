import { describe, expect, it } from 'vitest'
import { MAX_BYTES, parse } from './parse.ts'

function said(input: string | Uint8Array): string[] {
  return parse(input, 'f').issues.map(
    ({ message, location }) => `${location?.line}:${location?.column} ${message}`,
  )
}

describe('parse', () => {
  it('says what is wrong with YAML in its own words', () => {
    expect(said('a:\n\tb: 1\n')).toEqual(['2:1 a tab is used as indentation'])
    expect(said('a: 1\na: 2\nb: { c: 1, c: 2 }\n')).toEqual([
      '2:1 "a" is given twice',
      '3:12 "c" is given twice',
    ])
    expect(said('a: 1\n---\nb: 1\n')).toEqual(['2:1 the file holds more than one YAML document'])
    expect(said('a: fd00::\n')).toEqual(['1:4 a second "key:" begins inside a value'])
    expect(said('a: @b\n')).toEqual(['1:4 a value cannot begin with "@"'])
    expect(said('- 1\n')).toEqual(['1:1 the file must be a mapping of keys'])
    expect(said('# nothing\n')).toEqual(['1:1 the file is empty'])
    expect(said('')).toEqual(['1:1 the file is empty'])
    expect(said('%YAML 1.1\n---\na: yes\n')).toEqual([
      '1:1 this is another version of YAML, in which words like "yes" change their meaning',
    ])
    expect(said('a: !!js/function x\nb: !x y\n')).toEqual([
      '1:18 the tag tag:yaml.org,2002:js/function means nothing here',
      '2:7 the tag !x means nothing here',
    ])
    expect(said('? [a]\n: 1\n')).toEqual(['1:3 a key must be a word'])
    expect(said('<<: { a: 1 }\n__proto__: 1\n')).toEqual([
      '1:1 merge keys are no part of YAML 1.2',
      '2:1 "__proto__" cannot be a key',
    ])
  })

  it('refuses what is not UTF-8 text', () => {
    expect(said(Buffer.from('a: \xe9', 'latin1'))).toEqual(['1:1 the file is not UTF-8 text'])
    expect(said(Buffer.from('\ufeffa: 1', 'utf16le'))).toEqual(['1:1 the file is not UTF-8 text'])
    expect(said('a: 1\nb: \u001b[31m')).toEqual(['2:4 the control character U+001B is in the text'])
    expect(said(Buffer.from('\ufeffa: 1'))).toEqual([])
    expect(said('a: 1\r\nb: 2\r\n')).toEqual([])
  })

  it('keeps to its bounds on hostile input', { timeout: 60_000 }, () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]']
    for (const [name, before] of ['ba', 'cb', 'dc', 'ed', 'fe'].map((pair) => [...pair]))
      bomb.push(`${name}: &${name} [${Array(9).fill(`*${before}`).join(',')}]`)
    expect(said(bomb.join('\n'))).toEqual([
      expect.stringMatching(/^1:\d+ the file holds more than 20000 values$/),
    ])
    expect(said('a: &a [*a]\nb: *c\n')).toEqual([
      '1:8 &a contains itself',
      '2:4 no anchor &c comes before this alias',
    ])
    expect(said(`a: ${'x'.repeat(MAX_BYTES)}`)[0]).toMatch(/^1:1 the file has \d+ bytes/)
    const started = process.threadCpuUsage().user
    for (const text of ['[', '? ', '- ', '{a: ', '}\n', '&a ', '*a ', '"', "'", '%A\n', '!'].map((part) =>
      part.repeat(8000),
    ))
      expect(said(text).length).toBeGreaterThan(0)
    expect(said(Array.from({ length: 15_000 }, (_, i) => `k${i}: ${i}`).join('\n'))).toEqual([])
    expect(process.threadCpuUsage().user - started).toBeLessThan(8_000_000)
  })

  it('reads through aliases, and finds their place', () => {
    const { source, issues } = parse('a: &x { b: 1 }\nc: *x\n', 'f')
    expect(issues).toEqual([])
    expect(source?.value).toEqual({ a: { b: 1 }, c: { b: 1 } })
    expect(source?.locate(['c', 'b'])).toEqual({ file: 'f', line: 1, column: 12, width: 1 })
    expect(source?.locate(['c', 'missing'])).toMatchObject({ line: 2, column: 1 })
    expect(source?.locate([])).toMatchObject({ line: 1, column: 1 })
  })
})
