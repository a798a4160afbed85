import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it, test } from 'vitest'
import { type DesiredState, NOTHING } from '../../src/router/desired.ts'
import { applyTo, desiredOfYaml, fakeDebian } from '../fake-debian.ts'
import type { FakeMachine } from '../fake-machine.ts'
import { allOptions, OPTION_EDITS, type OptionEdit, optionsIn, withEdits } from '../option-edits.ts'

/*
 * Each option, put in and taken out again, and all of it taken away in the end: the machine is as if it had never been
 * there. The same with real parts, some options at a time: tests/lab/lifecycle/residue.test.ts.
 */

const BASE = readFileSync(join(import.meta.dirname, '../../examples/lab.yaml'), 'utf8')

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
})

function debian(): FakeMachine {
  const root = mkdtempSync(join(tmpdir(), 'sekisho-options-'))
  roots.push(root)
  return fakeDebian(root)
}

const stateOf = (edits: readonly OptionEdit[]) => desiredOfYaml(withEdits(BASE, edits))

async function run(fake: FakeMachine, desired: DesiredState): Promise<void> {
  expect(await applyTo(fake, desired)).toMatchObject({ ok: true })
}

/** Everything there is but the history: what is in the generation in use is seen through `current`. */
function look(fake: FakeMachine) {
  const { files, ...rest } = fake.snapshot()
  const current = Object.entries(files).find(([path]) => path === '/etc/sekisho/current')?.[1]
  const generation = current?.replace('-> ', '/etc/sekisho/')
  const shown = Object.entries(files).flatMap(([path, text]) => {
    if (path === '/etc/sekisho/current' || path === '/etc/sekisho/confirmed') return [[path, 'generation']]
    if (!path.startsWith('/etc/sekisho/generations/')) return [[path, text]]
    if (generation === undefined || !path.startsWith(`${generation}/`)) return []
    // Who made it, when and why is history.
    if (path === `${generation}/meta.json`) return []
    return [[path.replace(generation, 'generation'), text]]
  })
  return structuredClone({ ...rest, files: Object.fromEntries(shown) as Record<string, string> })
}

test('every option of router.yaml and of each module is in the list', () => {
  const listed = new Set([...optionsIn(BASE, OPTION_EDITS), 'version'])
  expect(allOptions().length).toBeGreaterThan(80)
  expect(allOptions().filter((option) => !listed.has(option))).toEqual([])
})

describe('put in and taken out again, it leaves nothing', () => {
  test.each(OPTION_EDITS)('$name', async (edit) => {
    const fake = debian()
    const without = stateOf([{ ...edit, patch: {} }])
    await run(fake, without)
    const before = look(fake)
    await run(fake, stateOf([edit]))
    expect(look(fake)).not.toEqual(before)
    await run(fake, without)
    expect(withoutKept(look(fake), before)).toEqual(before)
  })
})

/** Without the data of modules that were not there before: they stay until somebody says otherwise. */
function withoutKept<T extends { files: Record<string, string> }>(after: T, before: T): T {
  const known = (path: string) => /^\/var\/lib\/sekisho\/[^/]+\//.exec(path)?.[0] ?? ''
  const there = new Set(Object.keys(before.files).map(known))
  const files = Object.entries(after.files).filter(([path]) => there.has(known(path)))
  return { ...after, files: Object.fromEntries(files) }
}

it('gives the machine back to the byte, whatever it was a router for', async () => {
  const edits = fc
    .constantFrom('dhcp', 'static', 'elsewhere')
    .chain((group) => fc.subarray(OPTION_EDITS.filter((edit) => edit.group === group)))
  await fc.assert(
    fc.asyncProperty(fc.array(edits, { minLength: 1, maxLength: 3 }), async (routers) => {
      const fake = debian()
      // It comes with the installation.
      fake.put('/etc/sekisho/router.yaml', BASE)
      const bare = look(fake)
      for (const each of routers) await run(fake, stateOf(each))
      await run(fake, NOTHING)
      const { files, ...rest } = look(fake)
      // Data of modules stays until somebody says otherwise, and the images until the program goes.
      const data = Object.keys(files).filter((path) => path.startsWith('/var/lib/sekisho/'))
      for (const path of data) delete files[path]
      expect({ ...rest, files }).toEqual(bare)
      expect(await nothingToDo(fake)).toBe(true)
    }),
    { numRuns: process.env.SEKISHO_FULL ? 100 : 6 },
  )
}, 300_000)

it('goes back to the byte from any router to any other, wherever it fails', async () => {
  const edits = fc.subarray(OPTION_EDITS.filter((edit) => edit.group !== 'static'))
  const place = fc.integer({ min: 60, max: 400 })
  let undone = 0
  await fc.assert(
    fc.asyncProperty(edits, edits, place, async (from, to, at) => {
      const fake = debian()
      await run(fake, stateOf(from))
      const before = structuredClone(fake.snapshot())
      fake.failAt = fake.changes + at
      const result = await applyTo(fake, stateOf(to))
      if (result.ok) return
      undone++
      expect(result.unrestored).toEqual([])
      expect(fake.snapshot()).toEqual(before)
    }),
    { numRuns: process.env.SEKISHO_FULL ? 200 : 8, examples: [[[], OPTION_EDITS.slice(0, 3), 60]] },
  )
  expect(undone).toBeGreaterThan(0)
}, 300_000)

async function nothingToDo(fake: FakeMachine): Promise<boolean> {
  const changes = fake.changes
  await run(fake, NOTHING)
  // A lock that is taken, and a link that is not there, change nothing.
  return fake.changes - changes <= 1
}
