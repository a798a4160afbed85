import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { schemaText } from './schema.ts'

it('docs/router.schema.json is what `sekisho schema` prints', () => {
  expect(readFileSync(new URL('../../docs/router.schema.json', import.meta.url), 'utf8')).toBe(schemaText())
})
