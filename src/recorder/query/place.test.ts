import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { findPlace } from './place.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'place-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

it('is where the applied settings say', () => {
  const settings = join(folder, 'recorder.json')
  const s3 = {
    bucket: 'home-network',
    region: 'x',
    endpoint: 'https://s3.example.org',
    prefix: '',
    pathStyle: true,
  }
  writeFileSync(
    settings,
    JSON.stringify({ data: '/data', site: 'gate', retentionDays: 30, archive: { format: 'parquet', s3 } }),
  )
  expect(findPlace(undefined, settings, '/records')).toEqual({
    data: '/records',
    site: 'gate',
    retentionDays: 30,
    s3,
  })
})

it('is a directory that looks like one', () => {
  mkdirSync(join(folder, 'copy/archive'), { recursive: true })
  expect(findPlace(join(folder, 'copy'))).toMatchObject({ data: join(folder, 'copy') })
  expect(() => findPlace(folder)).toThrow('has neither archive/ nor wal/')
})

it('is nowhere without a recorder', () => {
  expect(() => findPlace(undefined, join(folder, 'none.json'))).toThrow('no recorder is installed here')
})
