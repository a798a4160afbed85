import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { cached } from './cache.ts'

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sekisho-cache-'))
})
afterEach(() => rm(root, { recursive: true }))

async function visible(): Promise<string[]> {
  return (await readdir(join(root, 'kind'))).filter((name) => !name.startsWith('.')).sort()
}

it('builds once for two builders at once', async () => {
  let builds = 0
  async function build(directory: string): Promise<void> {
    builds += 1
    await new Promise((resolve) => setTimeout(resolve, 50))
    await writeFile(join(directory, 'file'), 'x')
  }
  const [a, b] = await Promise.all([
    cached('kind', 'h1', build, { root }),
    cached('kind', 'h1', build, { root }),
  ])
  expect(a).toBe(b)
  expect(builds).toBe(1)
  expect(await readFile(join(a, 'file'), 'utf8')).toBe('x')
})

it('leaves nothing behind when a build fails, and builds again', async () => {
  const failing = cached('kind', 'h1', () => Promise.reject(new Error('no disk')), { root })
  await expect(failing).rejects.toThrow('no disk')
  expect(await visible()).toEqual([])
  await cached('kind', 'h1', async () => {}, { root })
  expect(await visible()).toEqual(['h1'])
})

it('keeps the two last used entries of a kind', async () => {
  const pause = () => new Promise((resolve) => setTimeout(resolve, 15))
  await cached('kind', 'h1', async () => {}, { root })
  await pause()
  await cached('kind', 'h2', async () => {}, { root })
  await pause()
  await cached('kind', 'h1', async () => {}, { root })
  await pause()
  await cached('kind', 'h3', async () => {}, { root })
  expect(await visible()).toEqual(['h1', 'h3'])
})
