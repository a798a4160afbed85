import type { Browser, BrowserContextOptions } from 'playwright-core'
import { buildDashboardApp } from '../../../src/build/dashboard-app.ts'
import { launchBrowser, openPage, type Watched } from '../../browser.ts'
import { type FixtureServer, fixtureServer } from './fixture-server.ts'

/** Chromium and the pages, for as long as a test file runs. */
export interface Bed {
  readonly server: FixtureServer
  readonly browser: Browser
  close(): Promise<void>
}

export async function bed(): Promise<Bed> {
  const server = await fixtureServer(await buildDashboardApp())
  const browser = await launchBrowser()
  return {
    server,
    browser,
    async close() {
      await browser.close()
      await server.close()
    },
  }
}

export function open({ browser, server }: Bed, options: BrowserContextOptions): Promise<Watched> {
  return openPage(browser, { baseURL: server.url, ...options })
}
