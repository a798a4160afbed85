import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeMachine } from '../../../tests/fake-machine.ts'
import { NOTHING } from '../desired.ts'
import { describeHistory } from './describe-history.ts'
import { readGeneration, writeGeneration } from './generation.ts'
import { type HistoryEntry, listHistory } from './history.ts'
import { authorOf, readMeta, summaryOf } from './meta.ts'

let fake: FakeMachine
beforeEach(() => {
  fake = new FakeMachine(mkdtempSync(join(tmpdir(), 'sekisho-history-')), {
    files: { '/etc/passwd': 'root:x:0:0::/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n' },
  })
})
afterEach(() => rmSync(fake.root, { recursive: true, force: true }))

describe('generations', () => {
  it('say when they were made, by whom and what they change', async () => {
    const before = Date.now()
    const meta = { author: 'alice', summary: ['+ module kea', '- module dns'] }
    await writeGeneration(fake.host, 1, NOTHING, 'version: 1\n', undefined, meta)
    expect(await readMeta(fake.host, 1)).toMatchObject({ version: 1, ...meta })
    expect((await readGeneration(fake.host, 1))?.source).toBe('version: 1\n')
    await fake.host.symlink('generations/1', '/etc/sekisho/current')
    const [entry] = await listHistory(fake.host)
    expect(entry).toMatchObject({ number: 1, ...meta, current: true, confirmed: false })
    expect(Date.parse(entry?.createdAt ?? '')).toBeGreaterThanOrEqual(before)
  })

  it('are listed the newest first, those too that say nothing or nonsense', async () => {
    for (const number of [1, 2, 3, 10]) await writeGeneration(fake.host, number, NOTHING, '', undefined)
    fake.delete('/etc/sekisho/generations/1/meta.json')
    fake.put('/etc/sekisho/generations/2/meta.json', '{"version": 1, "author": 7}')
    fake.put('/etc/sekisho/generations/3/meta.json', '{')
    const entries = await listHistory(fake.host)
    expect(entries.map(({ number, author }) => [number, author])).toEqual([
      [10, 'unknown'],
      [3, undefined],
      [2, undefined],
      [1, undefined],
    ])
    fake.put('/etc/sekisho/generations/3/undone.json', '{"why": "nobody confirmed it"}')
    fake.put('/etc/sekisho/generations/2/undone.json', '{')
    expect((await listHistory(fake.host)).map(({ undone }) => undone)).toEqual([
      undefined,
      'nobody confirmed it',
      'it was not confirmed',
      undefined,
    ])
    // The fake has no clock for folders.
    expect(entries.at(-1)?.createdAt).toBe('1970-01-01T00:00:00.000Z')
  })
})

describe('authorOf', () => {
  it('is who called sudo, else who logged in, else the user of the process', async () => {
    expect(await authorOf(fake.host, { SUDO_USER: 'bob' }, 'root')).toBe('bob')
    expect(await authorOf(fake.host, { SUDO_USER: '' }, 'root')).toBe('root')
    fake.put('/proc/self/loginuid', '1000')
    expect(await authorOf(fake.host, {}, 'root')).toBe('alice')
    fake.put('/proc/self/loginuid', '4294967295')
    expect(await authorOf(fake.host, {}, 'root')).toBe('root')
    fake.put('/proc/self/loginuid', '1234')
    expect(await authorOf(fake.host, {}, 'root')).toBe('root')
  })

  it('drives no terminal', async () => {
    expect(await authorOf(fake.host, { SUDO_USER: `\u001b[2J${'x'.repeat(200)}` }, 'root')).toMatch(
      /^\\x1b\[2Jx{57}$/,
    )
  })
})

describe('summaryOf', () => {
  const nothing = {
    to: 2,
    from: 1,
    changes: [],
    drift: [],
    unfinished: false,
    steps: [],
    limited: false,
    kept: [],
    blockers: [],
  }
  it('is what router.yaml changes, else what is repaired', () => {
    const changes = [{ path: ['hostname'], kind: 'changed' as const, says: 'hostname a → b' }]
    const drift = [{ what: 'unit' as const, name: 'x', says: 'x is inactive' }]
    expect(summaryOf({ ...nothing, changes, drift })).toEqual(['~ hostname a → b'])
    expect(summaryOf({ ...nothing, drift })).toEqual(['repaired: x is inactive'])
    expect(summaryOf(nothing)).toEqual(['the same router.yaml, as another release reads it'])
  })
})

describe('describeHistory', () => {
  const entry = (number: number, more: Partial<HistoryEntry> = {}): HistoryEntry => ({
    number,
    createdAt: '2026-11-26T20:15:00.000Z',
    author: 'alice',
    summary: [],
    current: false,
    confirmed: false,
    ...more,
  })

  it('has a line for each, within the terminal', () => {
    const long = { summary: [`+ ${'network guest '.repeat(9)}`, 'two', 'three'] }
    const entries = [
      entry(12, { current: true, summary: ['~ hostname a → b'] }),
      entry(11, { confirmed: true, ...long }),
      entry(10, { undone: 'it was not confirmed in time' }),
      entry(9, { author: undefined }),
    ]
    const text = describeHistory(entries, { width: 80, timeZone: 'Asia/Tokyo' })
    expect(text).toBe(
      [
        '*12  2026-11-27 05:15  alice  in use, not confirmed  ~ hostname a → b',
        ' 11  2026-11-27 05:15  alice  confirmed              + network guest n…, +2 more',
        ' 10  2026-11-27 05:15  alice  undone',
        ' 9   2026-11-27 05:15  -',
        '',
      ].join('\n'),
    )
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(describeHistory([])).toBe('Nothing was applied yet.\n')
  })
})
