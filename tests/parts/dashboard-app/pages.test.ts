import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PHONE, SCREENSHOTS, SOUND, seriousIssues, stateOf, visit, WINDOWS } from '../../browser.ts'
import { type Bed, bed, open } from './bed.ts'
import { HOSTILE } from './fixture.ts'

/* Every page in a real browser, on a desktop and on a phone, in both languages, light and dark. */

const TV = encodeURIComponent('02:00:5e:30:00:02')

/** Each with its heading in both languages. */
const PAGES = [
  ['now', '/', 'Now', '現在'],
  ['devices', '/devices', 'Devices', '端末'],
  ['device', `/devices/${TV}`, 'living-room-tv', 'living-room-tv'],
  ['names', '/names', 'Names', '名前'],
  ['connections', '/connections', 'Connections', '通信'],
  ['search', '/search?text=example', 'Search', '検索'],
  ['search-start', '/search', 'Search', '検索'],
  ['search-nothing', '/search?text=nothing', 'Search', '検索'],
  ['services', '/services?lines=unbound', 'Services', 'サービス'],
  ['changes', '/changes?generation=14', 'Changes', '変更'],
  ['archive', '/archive', 'Archive and cost', '保管と費用'],
  ['not-found', '/nothing-here', 'No such page', 'ページがありません'],
] as const

let the: Bed

beforeAll(async () => {
  the = await bed()
})

afterAll(() => the?.close())

describe.each(WINDOWS)('$name', ({ name, isLookedAt, ...options }) => {
  test('every page shows itself, without a fault, and is for everybody', async () => {
    const { context, page, faults } = await open(the, options)
    const japanese = options.locale === 'ja-JP'
    for (const [file, path, english, inJapanese] of PAGES) {
      await visit(page, path)
      expect(await page.locator('h1').textContent(), path).toBe(japanese ? inJapanese : english)
      expect(await page.evaluate('document.documentElement.lang')).toBe(japanese ? 'ja' : 'en')
      expect(await stateOf(page), path).toEqual(SOUND)
      await page.screenshot({ path: join(SCREENSHOTS, `${file}-${name}.png`) })
      if (isLookedAt) expect(await seriousIssues(page), path).toEqual([])
    }
    expect(faults).toEqual([])
    await context.close()
  })

  test('so do what one signs in with, and the dialogs', async () => {
    const { context, page, faults } = await open(the, options)
    the.server.signedIn = false
    await visit(page, '/')
    await page.locator('#password').waitFor()
    await page.screenshot({ path: join(SCREENSHOTS, `sign-in-${name}.png`) })
    if (isLookedAt) expect(await seriousIssues(page)).toEqual([])
    the.server.signedIn = true
    await visit(page, `/devices/${TV}`)
    for (const [i, file] of ['rename', 'reserve', 'pause'].entries()) {
      await page.locator('.actions button').nth(i).click()
      await page.getByRole('dialog').waitFor()
      await page.screenshot({ path: join(SCREENSHOTS, `${file}-${name}.png`) })
      if (isLookedAt) expect(await seriousIssues(page, 'dialog')).toEqual([])
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
    }
    await page.keyboard.press('?')
    await page.getByRole('dialog').waitFor()
    await page.screenshot({ path: join(SCREENSHOTS, `keys-${name}.png`) })
    if (isLookedAt) expect(await seriousIssues(page, 'dialog')).toEqual([])
    expect(faults).toEqual([])
    await context.close()
  })
})

test('of a router that knows nothing yet every page says so, and what to do', async () => {
  the.server.blank = true
  const { context, page, faults } = await open(the, { viewport: PHONE })
  const texts = {
    '/': 'The Internet is down',
    '/devices': 'No device was seen yet.',
    [`/devices/${TV}`]: 'It asked for no name in this time.',
    '/names': 'No question in this time.',
    '/connections': 'No connection in this time.',
    '/search?text=x': 'Nothing was found.',
    '/services': 'No service runs.',
    '/changes': 'Nothing was applied yet.',
    '/archive': 'Nothing is archived yet.',
    '/devices/none': 'there is no such device',
  }
  for (const [path, text] of Object.entries(texts)) {
    await visit(page, path)
    await page.getByText(text).first().waitFor()
    await page.screenshot({ path: join(SCREENSHOTS, `blank${path.replace(/\W+/g, '-')}.png`) })
  }
  // The device that is not there.
  expect(faults).toEqual([expect.stringContaining('404')])
  the.server.blank = false
  await context.close()
})

test('what the network says is shown as text', async () => {
  const { context, page } = await open(the, {})
  await visit(page, '/devices')
  await page.getByText(HOSTILE.device, { exact: true }).waitFor()
  await page.getByText(HOSTILE.vendor, { exact: true }).waitFor()
  await visit(page, '/names')
  await page.getByText(HOSTILE.name, { exact: true }).first().waitFor()
  // A line's controls, and the mark that turns the direction of what follows, are escaped.
  await visit(page, '/services?lines=unbound')
  const line = await page.getByText('</li></ol><iframe').textContent()
  expect(line).toBe('\\x1b[2J\\u{202e}gnp.</li></ol><iframe src="javascript:window.owned=4"></iframe>')
  await visit(page, '/changes?generation=14')
  await page.getByText('paused <script>window.owned=1</script>').waitFor()
  await context.close()
})
