import { z } from 'zod'
import { RouterConfig } from './schema.ts'
import type { ModuleSchema } from './validate.ts'

/**
 * router.yaml as a JSON Schema (draft 2020-12) of what one writes, defaults being optional, with the keys of
 * every module given: editors complete and check with it.
 */
export function routerJsonSchema(modules: readonly (ModuleSchema & { readonly summary?: string })[]): object {
  const own = modules
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, config, summary }) => [name, settings(config).describe(summary ?? name)] as const)
  const yours = z
    .looseObject({ path: z.string().describe('Folder with module.ts, absolute or relative to this file') })
    .describe('A module of your own')
  const all = z
    .object(Object.fromEntries(own))
    .catchall(yours)
    .optional()
    .describe('The services, each with its own keys')
  const schema = z.strictObject({ ...RouterConfig.shape, modules: all })
  return {
    ...z.toJSONSchema(schema, {
      io: 'input',
      target: 'draft-2020-12',
      unrepresentable: 'any',
      reused: 'inline',
    }),
    title: 'router.yaml of Sekisho',
  }
}

/** A module's name with nothing after it means its defaults. */
function settings(config: z.ZodType): z.ZodType {
  return config.nullable().optional()
}
