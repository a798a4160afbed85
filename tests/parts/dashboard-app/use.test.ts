import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { PHONE, settled, visit, type Watched } from '../../browser.ts'
import { type Bed, bed, open } from './bed.ts'
import { LINK, PASSWORD } from './fixture-server.ts'

/* What one does with the pages: keys, filters, zoom, live or not, changes, signing in. */

let the: Bed
let page: Page
let watched: Watched

beforeAll(async () => {
  the = await bed()
})

afterAll(() => the?.close())

beforeEach(async () => {
  the.server.signedIn = true
  the.server.silent = false
  the.server.posts.length = 0
  const opened = await open(the, {})
  watched = opened
  page = opened.page
  return async () => {
    await opened.context.close()
    expect(watched.faults).toEqual([])
  }
})

function query(name: string): string | null {
  return new URL(page.url()).searchParams.get(name)
}

test('keys jump to pages, to the search, and say what they are', async () => {
  await visit(page, '/')
  await page.keyboard.press('g')
  await page.keyboard.press('d')
  await page.waitForURL('**/devices')
  await page.keyboard.press('?')
  await page.getByRole('dialog').getByText('Go to Devices').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.keyboard.press('/')
  // What is typed is text, and no key any more.
  await page.keyboard.type('gdp')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/search?text=gdp')
  await page.goBack()
  await page.waitForURL('**/devices')
})

test('a filter is in the address, a reload keeps it, and back takes it out', async () => {
  await visit(page, '/devices')
  await page.getByRole('link', { name: 'All ever seen' }).click()
  expect(query('show')).toBe('all')
  await page.getByText('old-phone').waitFor()
  await page.getByPlaceholder('Name, address, vendor…').fill('synology')
  await page.waitForURL('**/devices?show=all&text=synology')
  await page.reload()
  await settled(page)
  expect(await page.locator('tbody tr').count()).toBe(1)
  await page.goBack()
  await page.waitForURL('**/devices')
  expect(await page.getByText('old-phone').count()).toBe(0)
})

test('a time of one’s own is by the router’s clock, not the browser’s', async () => {
  await visit(page, '/names')
  await page.locator('summary').click()
  await page.keyboard.press('Escape')
  await page.getByLabel('From', { exact: true }).waitFor({ state: 'hidden' })
  await page.locator('summary').click()
  await page.getByLabel('From', { exact: true }).fill('2026-01-01T09:00')
  await page.getByLabel('To', { exact: true }).fill('2026-01-02T09:00')
  await page.getByRole('button', { name: 'Show' }).click()
  await page.waitForURL(/from=/)
  expect([query('from'), query('to')]).toEqual([String(Date.UTC(2026, 0, 1)), String(Date.UTC(2026, 0, 2))])
  await page.getByText('Jan 1, 09:00 – Jan 2, 09:00').waitFor()
})

test('the chart of the search zooms with the keyboard and by dragging', async () => {
  await visit(page, '/search?text=example&from=900000&to=1800000')
  const chart = page.getByRole('slider', { name: 'When it was found' })
  await chart.focus()
  await page.keyboard.press('Home')
  for (let i = 0; i < 8; i += 1) await page.keyboard.press('Shift+ArrowRight')
  expect(await chart.getAttribute('aria-valuetext')).toMatch(/^From .+ to .+$/)
  await page.keyboard.press('Enter')
  // Of 90 bars of 10 s the first nine.
  await page.waitForURL(/from=900000&to=990000$/)
  await page.goBack()
  await page.waitForURL(/to=1800000$/)
  await settled(page)
  const box = await chart.boundingBox()
  if (box === null) throw new Error('no chart')
  await page.mouse.move(box.x + box.width * 0.505, box.y + 40)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.7, box.y + 40)
  await page.mouse.move(box.x + box.width * 0.995, box.y + 40)
  await page.mouse.up()
  await page.waitForURL(/from=1350000&to=1800000$/)
  await page.getByRole('button', { name: 'Zoom out' }).click()
  await page.waitForURL(({ searchParams }) => {
    return Number(searchParams.get('to')) - Number(searchParams.get('from')) === 3 * 450_000
  })
})

test('live figures move each second, and not when paused', async () => {
  await visit(page, '/')
  const figure = page.locator('.big-rates')
  await figure.waitFor()
  const texts = new Set<string>()
  for (let i = 0; i < 40 && texts.size < 3; i += 1) {
    texts.add((await figure.textContent()) ?? '')
    await page.waitForTimeout(100)
  }
  expect(texts.size).toBeGreaterThanOrEqual(3)
  await page.keyboard.press('p')
  await page.getByRole('button', { name: 'Paused' }).waitFor()
  const before = await figure.textContent()
  await page.waitForTimeout(1500)
  expect(await figure.textContent()).toBe(before)
  await page.keyboard.press('p')
  await page.getByRole('button', { name: 'Live' }).waitFor()
})

test('a new question comes to the list by itself, where the filters let it', async () => {
  await visit(page, '/names')
  await page.getByText('live.example.org').first().waitFor()
  await visit(page, '/names?text=time.example')
  await page.waitForTimeout(1500)
  expect(await page.getByText('live.example.org').count()).toBe(0)
})

test('a device is renamed: what is refused says why and what to do', async () => {
  await visit(page, `/devices/${encodeURIComponent('02:00:5e:30:00:02')}`)
  await page.getByRole('button', { name: 'Rename' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('New name').fill('nas')
  await dialog.getByRole('button', { name: 'Rename' }).click()
  await dialog.getByText('another device is called nas').waitFor()
  await dialog.getByText('choose another name').waitFor()
  await dialog.getByLabel('New name').fill('tv')
  await dialog.getByRole('button', { name: 'Rename' }).click()
  await dialog.getByText('Done: generation 15').waitFor()
  expect(the.server.posts.map(({ body }) => body)).toEqual([
    { action: 'rename', macAddress: '02:00:5e:30:00:02', name: 'nas' },
    { action: 'rename', macAddress: '02:00:5e:30:00:02', name: 'tv' },
  ])
})

test('a device is paused, and a paused one resumed', async () => {
  await visit(page, `/devices/${encodeURIComponent('02:00:5e:30:00:04')}`)
  await page.getByRole('button', { name: 'Resume Internet' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Resume Internet' }).click()
  await page.getByText('Done: generation 15').waitFor()
  expect(the.server.posts).toEqual([
    { path: '/api/actions', body: { action: 'resume', macAddress: '02:00:5e:30:00:04' } },
  ])
})

test('language and colours are kept', async () => {
  await visit(page, '/')
  await page.getByRole('button', { name: '日本語' }).click()
  await page.getByRole('link', { name: '端末', exact: true }).first().waitFor()
  await page.getByRole('button', { name: 'ダーク' }).click()
  await page.reload()
  await page.getByRole('button', { name: 'ダーク', pressed: true }).waitFor()
  expect(await page.evaluate('getComputedStyle(document.body).colorScheme')).toBe('dark')
})

test('who is not signed in signs in by the password, and is where they wanted to go', async () => {
  the.server.signedIn = false
  await page.goto('/archive')
  await page.getByLabel('Password').fill('wrong')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').getByText('this is not the password').waitFor()
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Archive and cost' }).waitFor()
  expect(watched.faults.splice(0)).toEqual([expect.stringContaining('401')])
})

test('a link of one use signs in, and does not stay in the address or in the history', async () => {
  the.server.signedIn = false
  await page.goto(`/sign-in#${LINK}`)
  await page.getByText('The Internet is up').waitFor()
  expect(new URL(page.url()).pathname).toBe('/')
  expect(the.server.posts).toEqual([{ path: '/api/sign-in', body: { link: LINK } }])
  await page.goBack()
  expect(page.url()).not.toContain(LINK)
})

/** Notes that a field for the password was there, if only for a moment. */
const MARK_PASSWORD = `new MutationObserver(() => {
  if (document.querySelector('#password') !== null) performance.mark('asked')
}).observe(document, { childList: true, subtree: true })`

test('a link is tried without a moment in which a password is asked for, and a refused one leaves that to do', async () => {
  the.server.signedIn = false
  await page.addInitScript({ content: MARK_PASSWORD })
  const asked = () => page.evaluate('performance.getEntriesByName("asked").length > 0')
  await page.goto(`/sign-in#${LINK}`)
  await page.getByText('The Internet is up').waitFor()
  expect(await asked()).toBe(false)

  the.server.signedIn = false
  await page.goto('/sign-in#used')
  await page.getByRole('alert').getByText('The link did not work').waitFor()
  expect(await asked()).toBe(true)
  await page.locator('#password:focus').waitFor()
  // In the same window, where a browser takes it for a place in the page.
  await page.evaluate(`location.assign('/sign-in#${LINK}')`)
  await page.getByText('The Internet is up').waitFor()
  expect(page.url()).not.toContain(LINK)
  expect(watched.faults.splice(0)).toEqual([expect.stringContaining('401')])
})

test('a session that ends asks to sign in, and comes back to the page', async () => {
  await visit(page, '/connections')
  the.server.signedIn = false
  await page.getByRole('link', { name: 'unresolved' }).click()
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Connections' }).waitFor()
  expect(query('unresolved')).toBe('true')
  for (const fault of watched.faults.splice(0)) expect(fault).toContain('401')
})

test('a router that does not answer is told of, and awaited', async () => {
  await page.clock.install()
  await visit(page, '/archive')
  await page.context().setOffline(true)
  await page.getByRole('link', { name: 'Devices', exact: true }).click()
  await page.getByText('The router does not answer.').waitFor()
  await page.context().setOffline(false)
  await page.clock.fastForward(5000)
  await page.getByRole('link', { name: 'living-room-tv' }).waitFor()
  for (const fault of watched.faults.splice(0)) expect(fault).toContain('ERR_INTERNET_DISCONNECTED')
})

test('a live feed that falls silent is begun anew', async () => {
  await page.clock.install()
  await visit(page, '/archive')
  await page.getByRole('button', { name: 'Live' }).waitFor()
  the.server.silent = true
  await page.clock.fastForward(15_000)
  await page.getByRole('button', { name: 'Reconnecting…' }).waitFor()
  the.server.silent = false
  await page.clock.fastForward(60_000)
  await page.getByRole('button', { name: 'Live' }).waitFor()
  for (const fault of watched.faults.splice(0)) expect(fault).toContain('503')
})

test('on a phone the other pages, the language and the colours are under More', async () => {
  await page.setViewportSize(PHONE)
  await visit(page, '/')
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('dialog').getByRole('link', { name: 'Services' }).click()
  await page.getByRole('heading', { name: 'Services', level: 1 }).waitFor()
  expect(await page.getByRole('dialog').count()).toBe(0)
})
