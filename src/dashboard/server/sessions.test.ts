import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Sessions } from './sessions.ts'

const DAY = 24 * 60 * 60_000
let folder: string
let now = 0
const clock = () => now
const open = () => Sessions.open(folder, clock)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sekisho-sessions-'))
  now = Date.UTC(2026, 10, 27)
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('sessions', () => {
  it('end a week after the last use', async () => {
    const sessions = await open()
    const token = await sessions.begin()
    now += 7 * DAY
    expect(await sessions.isValid(token)).toBe(true)
    now += 7 * DAY + 1
    expect(await sessions.isValid(token)).toBe(false)
  })

  it('end after thirty days, however much they are used', async () => {
    const sessions = await open()
    const token = await sessions.begin()
    for (let day = 1; day <= 30; day++) {
      now += DAY
      expect(await sessions.isValid(token)).toBe(true)
    }
    now += 1
    expect(await sessions.isValid(token)).toBe(false)
  })

  it('of a clock that was far ahead are over when it is right', async () => {
    const sessions = await open()
    now += 400 * DAY
    const token = await sessions.begin()
    now -= 400 * DAY
    expect(await sessions.isValid(token)).toBe(false)
  })

  it('outlive the process, signed out or not, with their use', async () => {
    const first = await open()
    const [kept, ended] = [await first.begin(), await first.begin()]
    now += 6 * DAY
    expect(await first.isValid(kept)).toBe(true)
    await first.end(ended)
    now += 6 * DAY
    const second = await open()
    expect(await second.isValid(kept)).toBe(true)
    expect(await second.isValid(ended)).toBe(false)
    expect(statSync(join(folder, 'sessions.json')).mode & 0o777).toBe(0o600)
  })

  it('are two hundred at most: the one that was quiet for longest goes', async () => {
    const sessions = await open()
    const tokens: string[] = []
    for (let i = 0; i < 200; i++) {
      now += 1
      tokens.push(await sessions.begin())
    }
    now += 1
    expect(await sessions.isValid(tokens[0])).toBe(true)
    now += 1
    await sessions.begin()
    expect(await sessions.isValid(tokens[0])).toBe(true)
    expect(await sessions.isValid(tokens[1])).toBe(false)
    const { sessions: written } = JSON.parse(readFileSync(join(folder, 'sessions.json'), 'utf8'))
    expect(written).toHaveLength(200)
  })

  it.each(['', '{', '[]', '{"sessions":[{"hash":1}]}'])('a file with %j is none', async (text) => {
    writeFileSync(join(folder, 'sessions.json'), text)
    const sessions = await open()
    expect(await sessions.isValid('A'.repeat(43))).toBe(false)
    expect(await sessions.isValid(await sessions.begin())).toBe(true)
  })
})
