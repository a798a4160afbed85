import type { z } from 'zod'

/** The schemas that a path may meet: several where a union stands on the way. */
export function schemasAt(root: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType[] {
  let found = unwrap(root)
  for (const step of path) {
    found = found.flatMap((schema) => {
      const { def } = (schema as z.core.$ZodTypes)._zod
      if (def.type === 'object') {
        const child = Object.hasOwn(def.shape, step) ? def.shape[String(step)] : def.catchall
        return child ? unwrap(child) : []
      }
      if (def.type === 'record') return unwrap(def.valueType)
      if (def.type === 'array') return unwrap(def.element)
      return []
    })
  }
  return found
}

/** A schema without what wraps it (optional, default, transforms), a union as its options. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType[] {
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (def.type === 'pipe') return unwrap(def.in)
  if (def.type === 'lazy') return unwrap(def.getter())
  if (def.type === 'union') return def.options.flatMap(unwrap)
  // optional, default, prefault, nullable, nonoptional, readonly, catch
  return 'innerType' in def && def.type !== 'success' && def.type !== 'promise'
    ? unwrap(def.innerType)
    : [schema]
}

/** The keys a mapping may have here, in the schema's order; empty when it is no mapping of known keys. */
export function knownKeys(schemas: readonly z.core.$ZodType[]): string[] {
  const keys = schemas.flatMap((schema) => {
    const { def } = (schema as z.core.$ZodTypes)._zod
    return def.type === 'object' ? Object.keys(def.shape) : []
  })
  return [...new Set(keys)]
}

/** The keys a mapping must have here. */
export function requiredKeys(schema: z.core.$ZodType): string[] {
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (def.type !== 'object') return []
  return Object.entries(def.shape).flatMap(([key, child]) => (child._zod.optin === undefined ? [key] : []))
}

/** Every place a key may stand, as readable paths: "networks.<name>.dhcp.pools". */
export function placesOf(root: z.core.$ZodType, key: string): string[] {
  const places = new Set<string>()
  visit(root, [])
  return [...places]

  function visit(schema: z.core.$ZodType, path: readonly string[]): void {
    for (const option of unwrap(schema)) {
      const { def } = (option as z.core.$ZodTypes)._zod
      if (def.type === 'object') {
        for (const [name, child] of Object.entries(def.shape)) {
          if (name === key) places.add([...path, name].join('.'))
          visit(child, [...path, name])
        }
      } else if (def.type === 'record') {
        visit(def.valueType, [...path, '<name>'])
      } else if (def.type === 'array') {
        visit(def.element, path)
      }
    }
  }
}
