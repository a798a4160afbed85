import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { buildDashboardApp } from '../../../src/build/dashboard-app.ts'

const MOST_SCRIPT_BYTES = 150_000

test('the built pages are small, and hold nothing that their policy forbids', async () => {
  const folder = await buildDashboardApp()
  // What was built is not built again.
  expect(await buildDashboardApp()).toBe(folder)
  const assets = await readdir(join(folder, 'assets'))
  expect((await readdir(folder)).sort()).toEqual(['assets', 'index.html'])
  for (const name of assets) expect(name).toMatch(/^[\w.]+-[\w-]{8}\.(js|css|svg)$/)
  const scripts = await Promise.all(
    assets.filter((name) => name.endsWith('.js')).map((name) => readFile(join(folder, 'assets', name))),
  )
  const bytes = scripts.reduce((sum, script) => sum + gzipSync(script).length, 0)
  expect(bytes).toBeGreaterThan(10_000)
  expect(bytes).toBeLessThan(MOST_SCRIPT_BYTES)
  // What is built for development says in which file of this machine each thing is.
  for (const script of scripts) expect(script.includes('src/dashboard/app')).toBe(false)
  const html = await readFile(join(folder, 'index.html'), 'utf8')
  expect(html).not.toMatch(/<style|style=|\son\w+=|<script(?![^>]*\ssrc=)/)
  // Everything is at its absolute path: each page of the app is served this file.
  for (const [, address] of html.matchAll(/(?:src|href)="([^"]*)"/g)) expect(address).toMatch(/^\/assets\//)
})
