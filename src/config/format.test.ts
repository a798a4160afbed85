import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatIssues, issuesJson } from './format.ts'
import type { Issue } from './issue.ts'

const issue: Issue = {
  path: ['modules', 'kea', 'pools', 0],
  message: '10.0.1.9 is outside home 10.0.0.0/24',
  fix: 'choose an address from 10.0.0.1 to 10.0.0.254',
  location: { file: 'router.yaml', line: 2, column: 11, width: 8 },
}

describe('formatIssues', () => {
  it('writes place, path, message, fix, line and caret', () => {
    expect(formatIssues([issue], 'a: 1\n  pools: [10.0.1.9]\n', { color: false })).toBe(
      `router.yaml:2:11 modules.kea.pools[0]: 10.0.1.9 is outside home 10.0.0.0/24. Fix: choose an address from 10.0.0.1 to 10.0.0.254.
    pools: [10.0.1.9]
            ^^^^^^^^
`,
    )
  })

  it('marks warnings, does without a path, and keeps the caret under wide characters and tabs', () => {
    const warning: Issue = {
      ...issue,
      path: [],
      severity: 'warning',
      message: 'so?',
      location: { file: 'f', line: 1, column: 5, width: 2 },
    }
    expect(formatIssues([warning], '\t日本 ab', { color: false })).toBe(
      'f:1:5 warning: so? Fix: choose an address from 10.0.0.1 to 10.0.0.254.\n    日本 ab\n         ^^\n',
    )
  })

  it('shows only a window of a long line', () => {
    const text = `${'x'.repeat(500)}HERE${'y'.repeat(500)}`
    const shown = formatIssues(
      [{ ...issue, location: { file: 'f', line: 1, column: 501, width: 4 } }],
      text,
      { color: false },
    )
    const [, source = '', caret = ''] = shown.split('\n')
    expect(source.length).toBeLessThan(130)
    expect(source.slice(caret.indexOf('^'), caret.lastIndexOf('^') + 1)).toBe('HERE')
  })

  it('lets nothing of a hostile file reach the terminal', () => {
    const hostile: Issue = {
      path: ['\u001b]0;title\u0007', 'a\u202eb'],
      message: '"\u001b[2J\r\nok"',
      fix: 'x\u0085',
      location: { file: 'f\u001b[1m', line: 1, column: 1, width: 3 },
    }
    const shown = formatIssues([hostile], '\u001b[31mred\u202e\u009b31m', { color: false })
    expect(shown.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    expect(shown).toContain('\\x1b[31mred\\u{202e}\\x9b31m')
  })

  it('has no control character whatever it is given', () => {
    const text = fc
      .array(fc.nat(0x10ffff), { maxLength: 60 })
      .map((points) => String.fromCodePoint(...points))
    fc.assert(
      fc.property(text, text, text, fc.nat(80), fc.nat(80), (message, key, source, column, width) => {
        const location = { file: key, line: 1, column: column + 1, width: width + 1 }
        const shown = formatIssues([{ path: [key, 1], message, fix: message, location }], source, {
          color: false,
        })
        expect(/[\p{Cc}\p{Cf}\p{Cs}]/u.test(shown.replaceAll('\n', ''))).toBe(false)
        expect(shown.split('\n').length).toBe(4)
      }),
      { numRuns: 40 },
    )
  })

  it('gives programs the same as data', () => {
    expect(issuesJson([issue])).toEqual([
      {
        severity: 'error',
        path: 'modules.kea.pools[0]',
        message: issue.message,
        fix: issue.fix,
        location: issue.location,
      },
    ])
  })
})
