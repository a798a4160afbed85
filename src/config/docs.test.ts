import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import type { z } from 'zod'
import { RouterConfig } from './schema.ts'
import { unwrap } from './walk-schema.ts'

it('docs/router-yaml.md speaks of every key', () => {
  const text = readFileSync(new URL('../../docs/router-yaml.md', import.meta.url), 'utf8')
  const keys = keysOf(RouterConfig)
  expect(keys.has('interface_id')).toBe(true)
  expect(
    [...keys].filter(
      (key) => !text.includes(`\`${key}\``) && !text.includes(`## ${key}\n`) && !text.includes(`${key}: `),
    ),
  ).toEqual([])
})

function keysOf(schema: z.core.$ZodType): Set<string> {
  return new Set(
    unwrap(schema).flatMap((option) => {
      const { def } = (option as z.core.$ZodTypes)._zod
      if (def.type === 'object')
        return Object.entries(def.shape).flatMap(([key, child]) => [key, ...keysOf(child)])
      if (def.type === 'record') return [...keysOf(def.valueType)]
      return def.type === 'array' ? [...keysOf(def.element)] : []
    }),
  )
}
