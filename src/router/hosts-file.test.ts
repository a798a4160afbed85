import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeHosts } from './hosts-file.ts'

const OURS = '127.0.1.1\tgate.home.arpa gate\n'

describe('mergeHosts', () => {
  it('sets the line for our name aside and keeps the others', () => {
    const text = mergeHosts('127.0.0.1\tlocalhost\n127.0.1.1\tdebian\n192.0.2.9 nas\n', OURS)
    expect(text).toBe(
      '127.0.0.1\tlocalhost\n127.0.1.1\tgate.home.arpa gate # sekisho\n#sekisho# 127.0.1.1\tdebian\n192.0.2.9 nas\n',
    )
  })

  it('changes our line in place', () => {
    const one = mergeHosts('127.0.1.1 debian\n', OURS)
    const two = mergeHosts(one, '127.0.1.1 other\n')
    expect(two).toBe('127.0.1.1 other # sekisho\n#sekisho# 127.0.1.1 debian\n')
  })

  it('comes back to the byte, and a second merge changes nothing', () => {
    const line = fc.constantFrom(
      '127.0.0.1 localhost',
      '127.0.1.1 debian',
      '::1 localhost',
      '# mine',
      '',
      '192.0.2.1 a',
    )
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), fc.boolean(), (lines, ended) => {
        const text = lines.join('\n') + (ended ? '\n' : '')
        fc.pre(text !== '')
        const one = mergeHosts(text, OURS)
        expect(mergeHosts(one, OURS)).toBe(one)
        expect(mergeHosts(one, undefined)).toBe(text)
      }),
    )
  })
})
