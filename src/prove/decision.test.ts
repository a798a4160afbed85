import { describe, expect, test } from 'vitest'
import { decide, deciderText } from './decision.ts'
import type { RuleText } from './rule-text.ts'
import type { TraceEvent } from './twin-spec.ts'

const rule = (
  chain: string,
  handle: number,
  text: string,
  comment?: string,
  table = 'sekisho',
): RuleText => ({
  family: 'inet',
  table,
  chain,
  handle,
  text,
  ...(comment !== undefined && { comment }),
})
const RULES = [
  rule('forward', 1, 'iifname vmap @forward_from', 'core: by zone'),
  rule('forward_guest', 2, 'oifname "br-home" accept', 'firewall.allow: printer'),
  rule('forward_guest', 3, 'goto refuse_forward_guest', 'core: everything else'),
  rule('refuse_forward_guest', 4, 'reject with tcp reset', 'core: TCP from guest'),
  rule('srcnat', 5, 'oifname "wan0" masquerade', "core: behind the WAN's address"),
  rule('FORWARD', 6, 'drop', 'not: today', 'filter'),
]

const event = (
  chain: string,
  handle: number,
  verdict: TraceEvent['verdict'],
  more: Partial<TraceEvent> = {},
): TraceEvent => ({ id: 1, family: 'inet', table: 'sekisho', chain, kind: 'rule', handle, verdict, ...more })

describe('decide', () => {
  test('names the rule that led to a shared end, and not the end', () => {
    const { refusedBy, passedBy } = decide(
      {
        trace: [
          event('forward', 1, 'goto', { target: 'forward_guest' }),
          event('forward_guest', 3, 'goto', { target: 'refuse_forward_guest' }),
          event('refuse_forward_guest', 4, 'drop'),
        ],
      },
      RULES,
    )
    expect(passedBy).toBeUndefined()
    expect(refusedBy).toEqual({
      family: 'inet',
      table: 'sekisho',
      chain: 'forward_guest',
      module: 'core',
      reason: 'everything else',
      rule: 'goto refuse_forward_guest',
    })
    expect(refusedBy && deciderText(refusedBy)).toBe(
      'core: everything else (chain forward_guest: goto refuse_forward_guest)',
    )
  })

  test('tells filters from translations', () => {
    const packets = { from: '10.0.0.2', to: '192.0.2.1', protocol: 6, sport: 1, dport: 80, type: 0 }
    const decision = decide(
      {
        trace: [
          event('forward_guest', 2, 'accept', { packet: packets }),
          event('srcnat', 5, 'accept', { packet: { ...packets, to: '192.0.2.2' } }),
        ],
      },
      RULES,
    )
    expect(decision.passedBy).toMatchObject({ module: 'firewall.allow', reason: 'printer' })
    expect(decision.translatedBy).toMatchObject([{ chain: 'srcnat' }])
    expect([decision.before?.to, decision.after?.to]).toEqual(['192.0.2.1', '192.0.2.2'])
  })

  test('a rule of another table has no module, whatever its comment looks like', () => {
    const trace = [event('forward_guest', 2, 'accept'), event('FORWARD', 6, 'drop', { table: 'filter' })]
    const { refusedBy, passedBy } = decide({ trace }, RULES)
    expect(passedBy).toBeUndefined()
    expect(refusedBy).toEqual({
      family: 'inet',
      table: 'filter',
      chain: 'FORWARD',
      reason: 'not: today',
      rule: 'drop',
    })
    expect(refusedBy && deciderText(refusedBy)).toBe('not: today (table inet filter, chain FORWARD: drop)')
  })

  test('a policy is said to be one, and an unknown rule has its number', () => {
    const { handle: _, ...policy } = event('INPUT', 0, 'drop', { kind: 'policy', table: 'filter' })
    expect(decide({ trace: [policy] }, RULES).refusedBy).toMatchObject({ rule: 'policy drop' })
    expect(decide({ trace: [event('forward', 99, 'drop')] }, RULES).refusedBy).toMatchObject({
      rule: 'rule 99',
    })
  })

  test('nothing is known of what no table saw', () => {
    expect(decide({ trace: [] }, RULES)).toEqual({ translatedBy: [] })
  })
})
