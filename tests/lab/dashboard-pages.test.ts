import { join } from 'node:path'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Lab, openLab } from '../../src/lab/lab.ts'
import { dashboardUrl } from '../../src/lab/window.ts'
import {
  launchBrowser,
  openPage,
  SCREENSHOTS,
  SOUND,
  seriousIssues,
  settled,
  stateOf,
  visit,
  type Watched,
  WINDOWS,
} from '../browser.ts'
import { leaseAs } from './support/lease-as.ts'
import { baseline } from './support/router-yaml.ts'

/*
 * The dashboard of a router at work, in a real browser that comes in by the lab's window: what hosts did is on every page, and
 * what a hostile one says is text.
 */

const EVIL_MAC = '02:00:5e:66:00:01'
/** In a DHCP host name, a DNS name and a line of the log. */
const EVIL_HOST = '<img src=x onerror=window.owned=1>'
/** As kea takes it. */
const EVIL_DEVICE = 'img-src-x-onerror-window'
const EVIL_NAME = '<script>window.owned=2</script>.wild.example.org'
const EVIL_LINE =
  '</li></ol><iframe src="javascript:window.owned=3"></iframe><b onload="window.owned=4">evil</b>'

const LAPTOP = encodeURIComponent('02:00:5e:30:00:01')

/** Each with its heading in both languages, and what is to be seen there of what happened. */
const PAGES = [
  ['now', '/', 'Now', '現在', 'laptop'],
  ['devices', '/devices', 'Devices', '端末', 'phone'],
  ['device', `/devices/${LAPTOP}`, 'laptop', 'laptop', 'www.example.org'],
  ['names', '/names?text=www.example.org', 'Names', '名前', 'www.example.org'],
  ['connections', '/connections?text=www.example.org', 'Connections', '通信', 'www.example.org'],
  ['search', '/search?text=example.org', 'Search', '検索', 'www.example.org'],
  ['services', '/services?lines=unbound', 'Services', 'サービス', 'recorder'],
  ['changes', '/changes', 'Changes', '変更', 'root'],
  ['archive', '/archive', 'Archive and cost', '保管と費用', 'kB'],
] as const

/** The README's picture shows a minute of throughput; a test need not wait for it. */
const LIVE_MS = process.env.SEKISHO_SCREENSHOTS ? 60_000 : 0

let lab: Lab
let browser: Browser

beforeAll(async () => {
  lab = await openLab()
  await baseline(lab)
  browser = await launchBrowser()
  for (const host of [lab.laptop, lab.phone])
    await host.execOk(['curl', '-sf', '--max-time', '20', '--output', '/dev/null', 'http://www.example.org/'])
  await leaseAs(lab.laptop, EVIL_MAC, EVIL_HOST)
  await lab.phone.execOk(['dig', '+time=2', '+tries=2', EVIL_NAME])
  await lab.router.execOk(['sekisho', 'dashboard', 'password'], { input: 'correct horse battery\n' })
  await lab.router.execOk(['logger', '--tag', 'evil', EVIL_LINE])
  await lab.router.execOk(['sekisho', 'archive', 'now'], { timeout: 120_000 })
})
afterAll(async () => {
  await browser?.close()
})

/** A window that is signed in, by a link as `lab up` prints it. */
async function signedIn(options: BrowserContextOptions): Promise<Watched> {
  const url = await dashboardUrl(lab)
  if (url === undefined) throw new Error('the router has no dashboard')
  const opened = await openPage(browser, {
    baseURL: new URL(url).origin,
    ignoreHTTPSErrors: true,
    ...options,
  })
  await opened.page.goto(url)
  await settled(opened.page)
  await opened.page.locator('nav').first().waitFor()
  return opened
}

describe.each(WINDOWS)('$name', ({ name, isLookedAt, ...options }) => {
  test('every page shows what happened, without a fault, and is for everybody', async () => {
    const { context, page, faults } = await signedIn(options)
    for (const [file, path, english, japanese, seen] of PAGES) {
      await visit(page, path)
      expect(await page.locator('h1').textContent(), path).toBe(name.endsWith('ja') ? japanese : english)
      await page.locator('main').getByText(seen).first().waitFor({ state: 'attached' })
      expect(await stateOf(page), path).toEqual(SOUND)
      if (file === 'now' && name === 'desktop-en') await page.waitForTimeout(LIVE_MS)
      await page.screenshot({ path: join(SCREENSHOTS, `lab-${file}-${name}.png`) })
      if (isLookedAt) expect(await seriousIssues(page), path).toEqual([])
    }
    expect(faults).toEqual([])
    await context.close()
  })
})

test('what a hostile device, question and line say is text', async () => {
  const { context, page, faults } = await signedIn({})
  const seen: readonly (readonly [path: string, text: string])[] = [
    ['/devices', EVIL_DEVICE],
    [`/devices/${encodeURIComponent(EVIL_MAC)}`, EVIL_DEVICE],
    ['/names?text=script', EVIL_NAME],
    ['/search?text=script', EVIL_NAME],
    ['/search?text=iframe', EVIL_LINE],
  ]
  for (const [path, text] of seen) {
    await visit(page, path)
    await page.locator('main').getByText(text).first().waitFor({ state: 'attached' })
    expect(await stateOf(page), path).toEqual(SOUND)
  }
  expect(faults).toEqual([])
  await context.close()
})

test('a link signs in once, and another window sees nothing without one', async () => {
  const url = (await dashboardUrl(lab)) ?? ''
  const windows = [
    await openPage(browser, { ignoreHTTPSErrors: true }),
    await openPage(browser, { ignoreHTTPSErrors: true }),
  ]
  for (const { page } of windows) {
    await page.goto(url)
    await page.locator('nav, #password').first().waitFor()
  }
  expect(await windows[0]?.page.locator('#password').count()).toBe(0)
  expect(await windows[1]?.page.locator('#password').count()).toBe(1)
  for (const { context } of windows) await context.close()
})
