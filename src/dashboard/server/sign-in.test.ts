import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cookieOf, dashboardBed } from '../../../tests/dashboard-bed.ts'
import { fakeDashboardData } from '../../../tests/fake-dashboard-data.ts'
import { newLink } from './links.ts'
import { setPassword } from './password.ts'

const PASSWORD = 'correct horse 電池'
/** Each password is tried for a third of a second, and this machine may be busy. */
const WAIT = 120_000

let bed: Awaited<ReturnType<typeof dashboardBed>>
beforeAll(async () => {
  bed = await dashboardBed(fakeDashboardData().data)
}, WAIT)
afterAll(() => bed.stop())

const now = (cookie: string | undefined) => bed.ask({ path: '/api/now', cookie }).then(({ status }) => status)

describe('a password', () => {
  it('that nobody set is none', { timeout: WAIT }, async () => {
    for (const password of ['', 'password', '\0']) {
      const answer = await bed.signIn({ password })
      expect([answer.status, JSON.parse(answer.text)]).toEqual([401, { error: 'this is not the password' }])
      expect(cookieOf(answer)).toBeUndefined()
    }
  })

  it('signs in, however it was typed, with a cookie that only this page gets', {
    timeout: WAIT,
  }, async () => {
    await setPassword(bed.stateDirectory, PASSWORD)
    const answer = await bed.signIn({ password: PASSWORD.normalize('NFD') })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({ signedIn: true, passwordSet: true })
    const [set = ''] = answer.headers['set-cookie'] ?? []
    expect(set).toMatch(/^__Host-sekisho=[\w-]{43};/)
    expect(set.split('; ').slice(1).toSorted()).toEqual([
      'HttpOnly',
      'Max-Age=2592000',
      'Path=/',
      'SameSite=Strict',
      'Secure',
    ])
    expect(await now(cookieOf(answer))).toBe(200)
  })

  it('is not on the disk, where only root may look', () => {
    const file = join(bed.stateDirectory, 'password.json')
    const text = readFileSync(file, 'utf8')
    expect(text).not.toContain('correct')
    expect(JSON.parse(text)).toMatchObject({ cost: { N: 2 ** 15, r: 8, p: 3 } })
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('ends every session when it is changed', { timeout: WAIT }, async () => {
    const cookie = cookieOf(await bed.signIn({ password: PASSWORD }))
    expect(await now(cookie)).toBe(200)
    await setPassword(bed.stateDirectory, `${PASSWORD}!`)
    // The file system's clock may be a few milliseconds behind.
    utimesSync(join(bed.stateDirectory, 'password.json'), new Date(), new Date())
    expect(await now(cookie)).toBe(401)
    expect((await bed.signIn({ password: PASSWORD })).status).toBe(401)
    expect((await bed.signIn({ password: `${PASSWORD}!` })).status).toBe(200)
  })
})

describe('a session', () => {
  it('is a new one at each sign-in, and the browser loses the one it came with', async () => {
    // Somebody else gave it to the browser, and waits for it to be signed in.
    const planted = `__Host-sekisho=${'A'.repeat(43)}`
    const first = cookieOf(await bed.signIn({ link: await newLink(bed.stateDirectory) }, { cookie: planted }))
    expect(first).not.toBe(planted)
    expect(await now(planted)).toBe(401)
    const second = cookieOf(await bed.signIn({ link: await newLink(bed.stateDirectory) }, { cookie: first }))
    expect(second).not.toBe(first)
    expect([await now(first), await now(second)]).toEqual([401, 200])
  })

  it('ends with signing out, also for who kept the cookie', async () => {
    const cookie = cookieOf(await bed.signIn({ link: await newLink(bed.stateDirectory) }))
    const answer = await bed.ask({ method: 'POST', path: '/api/sign-out', cookie, body: {} })
    expect(answer.status).toBe(200)
    expect(answer.headers['set-cookie']?.[0]).toMatch(/^__Host-sekisho=; Max-Age=0;/)
    expect(await now(cookie)).toBe(401)
  })
})

describe('a link', () => {
  it('signs in once, whoever tries at the same time', async () => {
    const link = await newLink(bed.stateDirectory)
    const answers = await Promise.all(Array.from({ length: 20 }, () => bed.signIn({ link })))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array<number>(19).fill(401)])
    expect(answers.filter((answer) => cookieOf(answer) !== undefined)).toHaveLength(1)
  })

  it('is good for ten minutes', async () => {
    const old = await newLink(bed.stateDirectory, Date.now() - 10 * 60_000 - 1)
    expect((await bed.signIn({ link: old })).status).toBe(401)
    // As a clock that was put back would have it.
    const future = await newLink(bed.stateDirectory, Date.now() + 60 * 60_000)
    expect((await bed.signIn({ link: future })).status).toBe(401)
  })

  it('is on the disk as a hash, and those that nobody used go', async () => {
    const folder = join(bed.stateDirectory, 'links')
    await newLink(bed.stateDirectory, Date.now() - 20 * 60_000)
    const link = await newLink(bed.stateDirectory)
    const names = readdirSync(folder)
    expect(names).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)])
    expect(statSync(join(folder, names[0] ?? '')).mode & 0o777).toBe(0o600)
    expect(JSON.stringify(names)).not.toContain(link)
    // What is on the disk is no token.
    expect((await bed.signIn({ link: names[0] })).status).toBe(401)
    expect((await bed.signIn({ link })).status).toBe(200)
  })

  it.each(['', '../password.json', '../../x', 'A'.repeat(43), '/', '\0'])('%j is none', async (link) => {
    expect((await bed.signIn({ link })).status).toBe(401)
  })

  it('does not sign in by being looked at', async () => {
    const link = await newLink(bed.stateDirectory)
    expect((await bed.ask({ path: `/sign-in?link=${link}` })).status).toBe(200)
    expect((await bed.signIn({ link })).status).toBe(200)
  })
})

describe('who guesses', () => {
  it('has to wait, even with the right one, and at once or one after the other', {
    timeout: WAIT,
  }, async () => {
    await setPassword(bed.stateDirectory, PASSWORD)
    const guesses = await Promise.all(
      Array.from({ length: 12 }, (_, i) => bed.signIn({ password: `guess number ${i}` })),
    )
    const count = (status: number) => guesses.filter((answer) => answer.status === status).length
    // Five are judged or found the line too long; the others have to wait.
    expect(count(401) + count(503)).toBe(5)
    expect(count(429)).toBe(7)
    const waits = guesses.flatMap(({ headers }) => headers['retry-after'] ?? [])
    expect(waits.length).toBe(7)
    for (const wait of waits) expect(Number(wait)).toBeGreaterThan(0)
    expect((await bed.signIn({ password: PASSWORD })).status).toBe(429)
    bed.guessing.ms += 1000
    expect((await bed.signIn({ password: PASSWORD })).status).toBe(429)
    // A link is no guess.
    expect((await bed.signIn({ link: await newLink(bed.stateDirectory) })).status).toBe(200)
    bed.guessing.ms += 1000
    expect((await bed.signIn({ password: PASSWORD })).status).toBe(200)
  })
})

it('a password file that is damaged signs nobody in, and the server goes on', { timeout: WAIT }, async () => {
  const other = await dashboardBed(fakeDashboardData().data)
  try {
    await setPassword(other.stateDirectory, PASSWORD)
    const file = join(other.stateDirectory, 'password.json')
    for (const text of ['', '{}', '[]', '{"hash":"","salt":"","cost":{"N":2,"r":1,"p":1}}']) {
      writeFileSync(file, text)
      expect((await other.signIn({ password: '' })).status).toBe(500)
    }
    expect((await other.signIn({ link: await newLink(other.stateDirectory) })).status).toBe(200)
  } finally {
    await other.stop()
  }
})
