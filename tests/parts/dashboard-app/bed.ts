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
import { buildDashboardApp } from '../../../src/build/dashboard-app.ts'
import { ensurePackages } from '../../../src/build/debian.ts'
import { type FixtureServer, fixtureServer } from './fixture-server.ts'

/** Chromium and the pages, for as long as a test file runs. */
export interface Bed {
  readonly server: FixtureServer
  readonly browser: Browser
  close(): Promise<void>
}

export const DESKTOP = { width: 1280, height: 800 }
export const PHONE = { width: 390, height: 844 }

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

export async function bed(): Promise<Bed> {
  await ensurePackages(['chromium', 'fonts-noto-cjk'])
  await mkdir(SCREENSHOTS, { recursive: true })
  const server = await fixtureServer(await buildDashboardApp())
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGS })
  return {
    server,
    browser,
    async close() {
      await browser.close()
      await server.close()
    },
  }
}

/** A page that keeps what went wrong in it: errors of its scripts, of its console, and against its policy. */
export interface Watched {
  readonly page: Page
  readonly faults: string[]
}

/** Opens a window. Its own time zone is not the router's. */
export async function open(
  { browser, server }: Bed,
  options: BrowserContextOptions,
): Promise<Watched & { readonly context: BrowserContext }> {
  const context = await browser.newContext({
    baseURL: server.url,
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

const AXE = await readFile(join(import.meta.dirname, '../../../node_modules/axe-core/axe.min.js'), 'utf8')

/** What axe finds that is serious or worse: the rule, and where. */
export async function seriousIssues(page: Page): Promise<string[]> {
  // The debugger puts it in: the page's policy lets nothing in otherwise.
  await page.evaluate(AXE)
  const { violations } = await page.evaluate<AxeResults>('axe.run()')
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)
}
