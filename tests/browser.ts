import { mkdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AxeResults } from 'axe-core'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core'
import { ensurePackages } from '../src/build/debian.ts'

/* Debian's Chromium, and what every test of pages looks at. */

export const DESKTOP = { width: 1280, height: 800 }
export const PHONE = { width: 390, height: 844 }

/** Of each pair of languages one is looked at by axe: what it looks at differs by width and colours. */
export const WINDOWS = [
  { name: 'desktop-en', viewport: DESKTOP, locale: 'en-US', colorScheme: 'light', isLookedAt: true },
  { name: 'phone-en', viewport: PHONE, locale: 'en-US', colorScheme: 'light', isLookedAt: false },
  { name: 'desktop-ja', viewport: DESKTOP, locale: 'ja-JP', colorScheme: 'dark', isLookedAt: false },
  { name: 'phone-ja', viewport: PHONE, locale: 'ja-JP', colorScheme: 'dark', isLookedAt: true },
] as const

/** Where screenshots go. */
export const SCREENSHOTS = process.env.SEKISHO_SCREENSHOTS || join(tmpdir(), 'sekisho-screenshots')

/** Rootless Chromium's sandbox is not for a container's root; and it shall ask nobody for anything. */
const ARGS = [
  '--no-sandbox',
  '--headless',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

export async function launchBrowser(): Promise<Browser> {
  await ensurePackages(['chromium', 'fonts-noto-cjk'])
  await mkdir(SCREENSHOTS, { recursive: true })
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGS })
}

/** A page that keeps what went wrong in it: errors of its scripts, of its console, and against its policy. */
export interface Watched {
  readonly context: BrowserContext
  readonly page: Page
  readonly faults: string[]
}

/** Opens a window. Its own time zone is not the router's. */
export async function openPage(browser: Browser, options: BrowserContextOptions): Promise<Watched> {
  const context = await browser.newContext({
    viewport: DESKTOP,
    locale: 'en-US',
    timezoneId: 'America/New_York',
    reducedMotion: 'reduce',
    ...options,
  })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text())
  })
  return { context, page, faults }
}

/** Goes there and waits until all that it asks for is there. */
export async function visit(page: Page, path: string): Promise<void> {
  await page.goto(path)
  await settled(page)
}

export async function settled(page: Page): Promise<void> {
  await page.locator('h1').waitFor({ state: 'attached' })
  await page.locator('.loading, [aria-busy="true"]').first().waitFor({ state: 'detached' })
}

/** By how much a page is wider than its window, what is in it that the network put there, and whether that did anything. */
const STATE = `({
  wider: Math.max(0, document.documentElement.scrollWidth - innerWidth),
  foreign: document.querySelectorAll(
    'iframe, img, style, script:not([src^="/assets/"]), [onerror], [onload]').length,
  owned: 'owned' in window ? 'yes' : 'no',
})`

/** What STATE says of a page that is as wide as its window and shows what the network says as text. */
export const SOUND = { wider: 0, foreign: 0, owned: 'no' }

export function stateOf(page: Page): Promise<unknown> {
  return page.evaluate(STATE)
}

const AXE = await readFile(join(import.meta.dirname, '../node_modules/axe-core/axe.min.js'), 'utf8')

/** What axe finds that is serious or worse: the rule, and where. `within` is a selector of ours. */
export async function seriousIssues(page: Page, within = 'body'): Promise<string[]> {
  // The debugger puts it in: the page's policy lets nothing in otherwise.
  await page.evaluate(AXE)
  const { violations } = await page.evaluate<AxeResults>(
    `axe.run('${within}', { resultTypes: ['violations'] })`,
  )
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)
}
