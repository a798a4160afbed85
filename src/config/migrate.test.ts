import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { assert as check, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { migrate } from './migrate.ts'
import { latestVersion, MIGRATIONS, type Migration } from './migrations/migrations.ts'
import { RouterConfig } from './schema.ts'

/** Migrations of these tests; nothing of ours has changed yet. */
const LATER: readonly Migration[] = [
  {
    from: 1,
    to: 2,
    says: 'wan.interface becomes wan.port',
    migrate(document) {
      const name = document.getIn(['wan', 'interface'])
      if (typeof name !== 'string') throw new Error('wan has no interface')
      document.deleteIn(['wan', 'interface'])
      document.setIn(['wan', 'port'], name)
    },
  },
  { from: 2, to: 3, says: 'there is a site', migrate: (document) => document.set('site', 'home') },
]

const YAML = `# my router
version: 1 # the format
wan:
  mode: dhcp
  interface: eth0 # the ONU

# who lives here
networks: {}
`

describe('a file of an earlier version', () => {
  test('goes through every step in turn, with its comments', () => {
    const migrated = migrate(YAML, 'router.yaml', LATER)
    const text = `# my router
version: 3 # the format
wan:
  mode: dhcp
  port: eth0

# who lives here
networks: {}
site: home
`
    expect(migrated).toEqual({
      ok: true,
      text,
      migration: { from: 1, to: 3, text, says: LATER.map(({ says }) => says) },
    })
    expect(migrate(text, 'router.yaml', LATER)).toEqual({ ok: true, text })
    expect(migrate('version: 2\n', 'router.yaml', LATER)).toMatchObject({ text: 'version: 3\nsite: home\n' })
  })

  test('that a step cannot bring on says which and why', () => {
    expect(migrate('version: 1\n', 'router.yaml', LATER)).toMatchObject({
      ok: false,
      issues: [
        {
          path: ['version'],
          message: 'this file cannot be brought from version 1 to 2: wan has no interface',
          location: { line: 1, column: 10 },
        },
      ],
    })
  })
})

test('a file of a newer version asks for a newer Sekisho', () => {
  expect(migrate('hostname: gate\nversion: 4\n', 'router.yaml', LATER)).toMatchObject({
    ok: false,
    issues: [
      {
        message: 'this file is of version 4, and this Sekisho knows versions up to 3',
        fix: expect.stringMatching(/^upgrade Sekisho/),
        location: { line: 2, column: 10 },
      },
    ],
  })
  expect(migrate('version: 2\n', 'router.yaml')).toMatchObject({ ok: false })
})

test('what is of no version is left to the checks', () => {
  const odd = [
    '',
    'version: x',
    'version: 0',
    'version: -1',
    'version: 1.5',
    'version: [1]',
    'version: 1: 2',
    '[]',
    'a: [',
    '\0',
  ]
  for (const text of odd) expect(migrate(text, 'router.yaml', LATER)).toEqual({ ok: true, text })
  const bytes = Uint8Array.from([0xff, 0xfe])
  expect(migrate(bytes, 'router.yaml', LATER)).toEqual({ ok: true, text: bytes })
  check(
    property(string(), (text) => {
      migrate(text, 'router.yaml', LATER)
      migrate(`version: 1\n${text}`, 'router.yaml', LATER)
    }),
  )
})

test('the list is the folder, one step a file, and leads to what the schema takes', () => {
  const files = readdirSync(join(import.meta.dirname, 'migrations')).filter((name) => /^\d/.test(name))
  expect(files.map((name) => Number(/^(\d{3})-[a-z0-9-]+\.ts$/.exec(name)?.[1]))).toEqual(
    MIGRATIONS.map(({ to }) => to),
  )
  for (const list of [MIGRATIONS, LATER])
    expect(list.map(({ from, to }) => [from, to])).toEqual(list.map((_, i) => [i + 1, i + 2]))
  expect(RouterConfig.shape.version.safeParse(latestVersion()).success).toBe(true)
})
