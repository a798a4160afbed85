import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isKindName, KINDS, type Kind } from './kinds.ts'

/** Which kind's table the records of an interface go to: its comment says so. */
const RECORD = /\(kind "(\w+)"\)[^{]*export interface \w+Record \{\n([\s\S]*?)\n\}/g

const records = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.ts') && !name.startsWith('kinds') && !name.endsWith('.test.ts'))
  .flatMap((name) => {
    const text = readFileSync(join(import.meta.dirname, name), 'utf8')
    const interfaces = (text.match(/^export interface \w+Record /gm) ?? []).length
    const found = [...text.matchAll(RECORD)].map(([, kind = '', body = '']) => ({
      kind,
      fields: [...body.matchAll(/^ {2}readonly (\w+)\??:/gm)].map((match) => match[1]),
    }))
    expect(found, `${name}: each record says "(kind "…")" in its comment`).toHaveLength(interfaces)
    return found
  })

it('finds the records', () => {
  expect(records.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['container', 'drops', 'syslog']))
})

describe.each(records)('a record of $kind', ({ kind, fields }) => {
  it('has no field that is not a column', () => {
    if (!isKindName(kind)) throw new Error(`there is no kind ${kind}`)
    expect(fields.length).toBeGreaterThan(2)
    expect(Object.keys(KINDS[kind].columns)).toEqual(expect.arrayContaining(fields))
  })
})

describe.each(Object.entries<Kind>(KINDS))('%s', (_, { columns, sort, addresses, names }) => {
  it('begins with the time, and names only columns of its own', () => {
    expect(Object.keys(columns)[0]).toBe('time')
    expect(Object.keys(columns)).toEqual(expect.arrayContaining([...sort, ...addresses, ...names]))
  })
})
