import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { freeTcpPort } from '../../../tests/free-port.ts'
import { serve } from './serve.ts'

let server: ReturnType<typeof serve> | undefined
afterEach(() => server?.stop())

async function start(page: () => Promise<string>): Promise<string> {
  const port = await freeTcpPort()
  server = serve(['127.0.0.1'], port, page)
  const url = `http://127.0.0.1:${port}`
  await expect
    .poll(() =>
      fetch(url).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    .toBe(404)
  return url
}

test('GET and HEAD of /metrics, and nothing else', async () => {
  const url = await start(async () => 'up 1\n')
  const page = await fetch(`${url}/metrics?x=1`)
  expect(page.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  expect(await page.text()).toBe('up 1\n')
  const head = await fetch(`${url}/metrics`, { method: 'HEAD' })
  expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '5', ''])
  expect((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status).toBe(405)
  expect((await fetch(`${url}/metrics/../etc/passwd`)).status).toBe(404)
})

test('many scrapes are one look', async () => {
  let looks = 0
  const url = await start(async () => {
    looks += 1
    return `looks ${looks}\n`
  })
  const pages = await Promise.all(
    Array.from({ length: 20 }, async () => (await fetch(`${url}/metrics`)).text()),
  )
  expect(new Set(pages)).toEqual(new Set(['looks 1\n']))
})

test('a look that fails is no answer for ever', async () => {
  let fails = true
  const url = await start(async () => {
    if (fails) throw new Error('no')
    return 'up 1\n'
  })
  expect((await fetch(`${url}/metrics`)).status).toBe(500)
  fails = false
  expect((await fetch(`${url}/metrics`)).status).toBe(200)
})

test('what is not HTTP ends its own connection only', async () => {
  const url = await start(async () => 'up 1\n')
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const closed = new Promise((resolve) => socket.on('close', resolve))
  socket.on('error', () => undefined)
  socket.write('\u0000\u0016\u0003 hello\r\n\r\n')
  await closed
  expect((await fetch(`${url}/metrics`)).status).toBe(200)
})
