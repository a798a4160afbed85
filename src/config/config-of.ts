import { migrate } from './migrate.ts'
import { parse } from './parse.ts'
import { RouterConfig } from './schema.ts'

/**
 * What a router.yaml of the past says, as that of a generation: undefined when this release cannot read it. Its
 * modules' own keys are as they were written.
 */
export function configOf(text: string): RouterConfig | undefined {
  const migrated = migrate(text, 'router.yaml')
  if (!migrated.ok) return undefined
  const { source } = parse(migrated.text, 'router.yaml')
  return source === undefined ? undefined : RouterConfig.safeParse(source.value).data
}
