import { describe, expect, it } from 'vitest'
import { ConnectionsQuery, QuestionsQuery, SearchQuery, SpanQuery } from './queries.ts'

const DAY = 86_400_000

describe('a query string', () => {
  it('is the last day without a time, and fifty rows', () => {
    const { fromMs, toMs, ...rest } = QuestionsQuery.parse({})
    expect(toMs - fromMs).toBe(DAY)
    expect(Math.abs(toMs - Date.now())).toBeLessThan(60_000)
    expect(rest).toEqual({ limit: 50 })
    expect(SpanQuery.parse({ toMs: '5' })).toEqual({ fromMs: 0, toMs: 5 })
  })

  it('is texts, which become what they mean', () => {
    expect(
      ConnectionsQuery.parse({
        fromMs: '1',
        toMs: '2',
        text: ' tv ',
        port: '443',
        unresolved: 'false',
        limit: '500',
      }),
    ).toEqual({ fromMs: 1, toMs: 2, text: 'tv', port: 443, unresolved: false, limit: 500 })
    expect(QuestionsQuery.parse({ fromMs: 1, toMs: 2, text: '  ', type: 'aaaa' })).toMatchObject({
      text: undefined,
      type: 'AAAA',
    })
  })

  it.each([
    { fromMs: '2', toMs: '1' },
    { fromMs: '1', toMs: '1' },
    { fromMs: '-1' },
    { fromMs: '1e99' },
    { toMs: '8640000000000000' },
    { fromMs: 'NaN' },
    { toMs: '1.5' },
    { limit: '0' },
    { limit: '501' },
    { text: 'x'.repeat(254) },
    { cursor: 'x'.repeat(201) },
    { kind: 'toString' },
    { kind: 'nonsense' },
  ])('%j is refused', (query) => {
    expect(SearchQuery.safeParse(query).success).toBe(false)
  })

  it.each([{ outcome: 'x' }, { type: "A' --" }, { bypass: 'yes' }])('%j is refused', (query) => {
    expect(QuestionsQuery.safeParse(query).success).toBe(false)
  })
})
