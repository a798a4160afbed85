import { describe, expect, it } from 'vitest'
import { exportAnswers } from './export.ts'

async function* rows(): AsyncGenerator<string> {
  yield 'name\n'
  yield 'printer\n'
}

describe('exports', () => {
  const begin = (exported: ReturnType<typeof exportAnswers>, signal = new AbortController().signal) =>
    exported({ rows: rows(), kind: 'names', format: 'json', signal })

  it('are two at a time, however they end', async () => {
    const exported = exportAnswers()
    const gone = new AbortController()
    const [read, unread] = [begin(exported), begin(exported, gone.signal)]
    expect(begin(exported)).toBeUndefined()
    expect(await read?.text()).toBe('name\nprinter\n')
    // Nobody ever reads this one.
    gone.abort()
    const [third, fourth] = [begin(exported), begin(exported)]
    expect([third?.status, fourth?.status, begin(exported)]).toEqual([200, 200, undefined])
    await unread?.body?.cancel()
    await third?.body?.cancel()
    expect(begin(exported)?.status).toBe(200)
    expect(begin(exported)).toBeUndefined()
    expect(await fourth?.text()).toBe('name\nprinter\n')
    expect(begin(exported)?.status).toBe(200)
  })

  it('of who is gone already take no place', () => {
    const exported = exportAnswers()
    for (let i = 0; i < 5; i++) begin(exported, AbortSignal.abort())
    expect(begin(exported)?.status).toBe(200)
  })
})
