import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import type { ForwardChunk } from '../../wal/frame.ts'
import { duplicateKey } from './duplicate-key.ts'

const chunk: ForwardChunk = { tag: 't', mode: 'packed', chunk: 'id', senderAddress: '::1' }
const body = Buffer.from('entries')

it('is the same for what was sent again only', () => {
  const key = duplicateKey(chunk, body)
  expect(duplicateKey({ ...chunk, senderAddress: '192.0.2.1' }, Buffer.from(body))).toBe(key)
  expect(duplicateKey({ ...chunk, tag: 'u' }, body)).not.toBe(key)
  expect(duplicateKey({ ...chunk, chunk: 'other' }, body)).not.toBe(key)
  expect(duplicateKey(chunk, Buffer.from('Entries'))).not.toBe(key)
})

it('is none without an id', () => {
  const { chunk: _, ...without } = chunk
  expect(duplicateKey(without, body)).toBeUndefined()
})

it('does not look at when a chunk was compressed', () => {
  const compressed = { ...chunk, mode: 'compressed' } as const
  const later = gzipSync(body)
  later.writeUInt32LE(1_700_000_000, 4)
  expect(duplicateKey(compressed, later)).toBe(duplicateKey(compressed, gzipSync(body)))
})
