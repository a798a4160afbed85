import { expect, it } from 'vitest'
import { stringify } from 'yaml'
import type { GenerationOnDisk } from '../inventory.ts'
import { compareGenerations } from './compare.ts'
import { manifestOf } from './generation.ts'

const ROUTER = {
  version: 1,
  hostname: 'gate',
  wan: { mode: 'dhcp', interface: 'wan0' },
  networks: { home: { interfaces: ['lan0'], address: '10.0.0.1/24' } },
}

function generation(
  number: number,
  files: Record<string, string>,
  source: unknown = ROUTER,
): GenerationOnDisk {
  const owned = Object.entries(files).map(([path, text]) => ({
    path,
    text,
    mode: path.endsWith('key') ? 0o400 : 0o644,
    owner: 'core',
    ...(path.endsWith('key') && { secret: true as const }),
  }))
  const manifest = manifestOf({
    files: owned,
    units: [],
    volumes: [],
    images: [],
    services: [],
    checks: [],
    restarts: [],
  })
  return {
    number,
    manifest,
    files: Object.fromEntries(owned.map(({ path, text, mode }) => [path, { text, mode }])),
    drift: [],
    live: undefined,
    source: typeof source === 'string' ? source : stringify(source),
  }
}

it('says what differs in words and in files, and no secret', () => {
  const before = generation(1, { a: 'one\n', b: 'x\n', key: 'hush\n', same: 's\n' })
  const after = generation(
    2,
    { a: 'two\n', c: 'y\n', key: 'hush hush\n', same: 's\n' },
    { ...ROUTER, hostname: 'other' },
  )
  const compared = compareGenerations(before, after)
  expect(compared).toMatchObject({
    from: 1,
    to: 2,
    changes: [{ path: ['hostname'], says: 'hostname gate → other' }],
    files: [
      { path: 'a', kind: 'changed', hunks: ['@@ -1,1 +1,1 @@', '-one', '+two'] },
      { path: 'b', kind: 'removed', hunks: ['@@ -1,1 +0,0 @@', '-x'] },
      { path: 'c', kind: 'added' },
      { path: 'key', kind: 'changed', secret: true, hunks: [] },
    ],
  })
  expect(JSON.stringify(compared)).not.toContain('hush')
})

it('finds no change in other comments, and does not know what it cannot read', () => {
  const text = stringify(ROUTER)
  expect(compareGenerations(generation(1, {}, text), generation(2, {}, `# mine\n${text}`))).toMatchObject({
    changes: [],
    files: [],
  })
  expect(
    compareGenerations(generation(1, {}, 'version: 0\n'), generation(2, {}, text)).changes,
  ).toBeUndefined()
})
