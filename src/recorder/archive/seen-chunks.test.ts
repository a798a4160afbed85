import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { ForwardChunk } from '../wal/frame.ts'
import { SeenChunks } from './seen-chunks.ts'

function chunk(id: string | undefined, tag = 'app'): ForwardChunk {
  return { tag, mode: 'packed', senderAddress: '192.0.2.1', ...(id !== undefined && { chunk: id }) }
}

const BODY = Buffer.from('body')
const ID = 'p8n9gmxTQVC8/nh2wlKKeQ=='

it('knows a chunk by its id, tag and content', async () => {
  const seen = await SeenChunks.load('/nowhere/chunks.txt')
  expect(seen.has(chunk(ID), BODY)).toBe(false)
  expect(seen.has(chunk(ID), BODY)).toBe(true)
  expect(seen.has(chunk(ID, 'other'), BODY)).toBe(false)
  expect(seen.has(chunk(ID), Buffer.from('another'))).toBe(false)
  for (let i = 0; i < 2; i++) expect(seen.has(chunk(undefined), BODY)).toBe(false)
})

it('remembers over a restart, and not without end', async () => {
  const root = await mkdtemp(join(tmpdir(), 'seen-'))
  const path = join(root, 'chunks.txt')
  try {
    const first = await SeenChunks.load(path)
    first.has(chunk(`${ID}old`), BODY)
    for (let i = 0; i < 100_000; i++) first.has(chunk(`${ID}${i}\n${'x'.repeat(i % 10)}`), BODY)
    await writeFile(path, first.toText())
    expect(first.toText().length).toBe(100_000 * 23)
    const second = await SeenChunks.load(path)
    expect(second.has(chunk(`${ID}99999\nxxxxxxxxx`), BODY)).toBe(true)
    expect(second.has(chunk(`${ID}old`), BODY)).toBe(false)
  } finally {
    await rm(root, { recursive: true })
  }
})
