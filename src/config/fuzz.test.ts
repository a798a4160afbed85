import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { z } from 'zod'
import { normalise } from '../router/normalise.ts'
import { formatIssues } from './format.ts'
import { validate } from './validate.ts'

/*
 * Whatever the input: an answer, never an exception; every issue with a fix and a place inside the text; and what
 * is called ok can be turned into a router.
 */

const FOLDER = new URL('../../examples/', import.meta.url)
const EXAMPLES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => readFileSync(new URL(name, FOLDER), 'utf8'))
const MODULES = ['unbound', 'kea', 'chrony', 'recorder', 'watch'].map((name) => ({
  name,
  config: z.looseObject({}),
}))

function judge(input: string | Uint8Array): void {
  const result = validate(input, 'router.yaml', MODULES)
  const issues = result.ok ? result.warnings : result.issues
  const text = typeof input === 'string' ? input : Buffer.from(input).toString('utf8')
  const lines = text.replace(/^\ufeff/, '').split('\n')
  if (!result.ok) expect(issues.some((issue) => issue.severity !== 'warning')).toBe(true)
  for (const { message, fix, location } of issues) {
    expect(message.trim()).not.toBe('')
    expect(fix.trim()).not.toBe('')
    if (!location) throw new Error('an issue without a place')
    const { line, column, width } = location
    const length = [...(lines[line - 1] ?? '')].length
    expect(line).toBeGreaterThan(0)
    expect(line).toBeLessThanOrEqual(lines.length)
    expect(column).toBeGreaterThan(0)
    expect(column).toBeLessThanOrEqual(Math.max(1, length))
    expect(width).toBeGreaterThan(0)
    expect(column + width - 1).toBeLessThanOrEqual(Math.max(1, length))
  }
  formatIssues(issues, text, { color: true })
  if (result.ok) normalise(result.config)
}

const KEYS =
  `version hostname timezone domain ula_prefix wan networks firewall modules mode interface vlan mtu_bytes mac
 ipv6 address gateway dns address6 gateway6 prefix6 home guest interfaces subnet_id dhcp pools lease_secs reservations
 name router_access allow forwards pinholes from to protocol ports source destination why port to_port network
 interface_id kea path constructor toString block_private`.split(/\s+/)
const WORDS =
  `10.0.0.1/24 10.0.0.0/8 0.0.0.0/0 10.0.0.9 ::/0 ::1 fd12:3456:789a::/48 2001:db8::/32 static dhcp eth0
 eth1 home guest wan router tcp any auto off 6-4 UTC Asia/Tokyo home.arpa ./x 02:00:5e:10:00:01`.split(/\s+/)
const OTHERS = ['10.0.0.1 - 10.0.0.9', '', 1, 0, -1, 443, 65_536, 1e300, null, true, false]
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 5, depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom<unknown[]>(...WORDS, ...OTHERS),
    fc.string({ maxLength: 8 }),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('any'), { maxKeys: 8 }),
  ),
})).any

/** A path of an example and what to put there: small lies in a true file reach further than noise. */
function mutate(root: unknown, picks: readonly number[], put: unknown): unknown {
  const [pick, ...rest] = picks
  if (pick === undefined || typeof root !== 'object' || root === null) return put
  const keys = Object.keys(root)
  if (keys.length === 0) return put
  const key = keys[pick % keys.length] ?? ''
  if (Array.isArray(root)) return root.map((item, i) => (String(i) === key ? mutate(item, rest, put) : item))
  return { ...root, [key]: mutate((root as Record<string, unknown>)[key], rest, put) }
}

// Patience for a machine that does much else at the same time.
describe('validate under fuzz', { timeout: 60_000 }, () => {
  it('answers any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), judge), { numRuns: 300 })
  })

  it('answers any text made of YAML signs', () => {
    const sign = fc.constantFrom(
      ...'abc:-?[]{},#&*!|>\'"%@` \n\t\r\\~<=\u00e9日\u{1f600}',
      ': ',
      '\n  ',
      '- ',
      '&a ',
      '*a ',
      '<<: ',
    )
    fc.assert(
      fc.property(
        fc.array(sign, { maxLength: 60 }).map((parts) => parts.join('')),
        judge,
      ),
      { numRuns: 600 },
    )
  })

  it('answers examples with a piece cut out, doubled or overwritten', () => {
    const cut = fc.tuple(
      fc.constantFrom(...EXAMPLES),
      fc.nat(3000),
      fc.nat(40),
      fc.array(fc.nat(0x10ffff), { maxLength: 6 }).map((points) => String.fromCodePoint(...points)),
    )
    fc.assert(
      fc.property(cut, ([text, at, length, put]) => {
        const from = at % text.length
        judge(text.slice(0, from) + put + text.slice(from + length))
        judge(text.slice(0, from + length) + text.slice(from))
      }),
      { numRuns: 60 },
    )
  })

  it('answers any structure of known keys', () => {
    fc.assert(
      fc.property(value, (root) => judge(stringify(root))),
      { numRuns: 400 },
    )
  })

  it('answers examples with one value replaced', () => {
    const plain = EXAMPLES.map((text) => validate(text, 'f', MODULES)).flatMap((r) =>
      r.ok ? [r.config] : [],
    )
    expect(plain.length).toBeGreaterThanOrEqual(2)
    fc.assert(
      fc.property(
        fc.constantFrom(...plain),
        fc.array(fc.nat(), { minLength: 1, maxLength: 5 }),
        value,
        (root, picks, put) => {
          judge(stringify(mutate(root, picks, put)))
        },
      ),
      { numRuns: 250 },
    )
  })
})
