import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { FakeMachine } from '../../../tests/fake-machine.ts'
import type { DesiredState } from '../desired.ts'
import { readGeneration, writeGeneration } from './generation.ts'
import { healGenerations } from './heal.ts'

let fake: FakeMachine
beforeEach(() => {
  fake = new FakeMachine(mkdtempSync(join(tmpdir(), 'sekisho-heal-')))
})
afterEach(() => rmSync(fake.root, { recursive: true, force: true }))

const state = (texts: Record<string, string>): DesiredState => ({
  files: Object.entries(texts).map(([path, text]) => ({ path, text, mode: 0o644, owner: 'core' })),
  units: [],
  volumes: [],
  images: [],
  services: [],
  checks: [],
  restarts: [],
})

it('gives those of before back what was edited in all of them, and nothing that was otherwise there', async () => {
  const read = (number: number) => readGeneration(fake.host, number)
  await writeGeneration(fake.host, 1, state({ a: 'old\n', b: 'b\n' }), '', undefined)
  await writeGeneration(fake.host, 2, state({ a: 'a\n', b: 'b\n' }), '', await read(1))
  await writeGeneration(fake.host, 3, state({ a: 'a\n', b: 'b\n', c: 'c\n' }), '', await read(2))
  // As an editor does that writes in place.
  fake.put('/etc/sekisho/generations/3/a', 'mine\n')
  fake.put('/etc/sekisho/generations/3/b', 'mine\n')
  expect((await read(1))?.drift).toEqual(['b'])
  expect((await read(2))?.drift).toEqual(['a', 'b'])

  await writeGeneration(fake.host, 4, state({ a: 'a\n', b: 'b\n', c: 'c\n' }), '', await read(3))
  await healGenerations(fake.host, 4, ['a', 'b'])
  for (const number of [1, 2, 3, 4]) expect((await read(number))?.drift).toEqual([])
  expect(fake.text('/etc/sekisho/generations/1/a')).toBe('old\n')
  expect(await fake.host.list('/etc/sekisho/generations/2')).toEqual(
    ['a', 'b', 'manifest.json', 'meta.json', 'places.tsv', 'router.yaml'].sort(),
  )
})
