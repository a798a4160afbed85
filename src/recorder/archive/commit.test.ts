import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { commit, recover } from './commit.ts'

let data: string

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'commit-'))
  mkdirSync(join(data, 'state/tmp'), { recursive: true })
  for (const name of ['state/tmp/a', 'state/tmp/b', 'old']) writeFileSync(join(data, name), name)
})

afterEach(async () => {
  await rm(data, { recursive: true })
})

const changes = {
  moves: [
    ['state/tmp/a', 'x/y/a'],
    ['state/tmp/b', 'x/b'],
  ],
  removals: ['old', 'never/was'],
} as const

function done(): void {
  expect(readFileSync(join(data, 'x/y/a'), 'utf8')).toBe('state/tmp/a')
  expect(readFileSync(join(data, 'x/b'), 'utf8')).toBe('state/tmp/b')
  expect(existsSync(join(data, 'old'))).toBe(false)
  expect(readdirSync(join(data, 'state'))).toEqual(['tmp'])
}

it('moves and removes', async () => {
  await commit(data, changes)
  done()
  await recover(data)
  done()
})

it('changes nothing when a file is not there', async () => {
  await rm(join(data, 'state/tmp/b'))
  await expect(commit(data, changes)).rejects.toThrow('ENOENT')
  await recover(data)
  expect(existsSync(join(data, 'old'))).toBe(true)
  expect(existsSync(join(data, 'x'))).toBe(false)
})

it('is finished after a crash, wherever that was', async () => {
  for (const crash of [
    () => undefined,
    () => {
      mkdirSync(join(data, 'x/y'), { recursive: true })
      writeFileSync(join(data, 'x/y/a'), readFileSync(join(data, 'state/tmp/a')))
      return rm(join(data, 'state/tmp/a'))
    },
    () => rm(join(data, 'old'), { force: true }),
  ]) {
    for (const name of ['state/tmp/a', 'state/tmp/b', 'old']) writeFileSync(join(data, name), name)
    writeFileSync(join(data, 'state/commit.json'), JSON.stringify(changes))
    await crash()
    await recover(data)
    done()
  }
})
