import { validator } from 'hono/validator'
import type { z } from 'zod'
import { refuse } from './guards.ts'

/** Reads the query string with this schema: 400 with what is wrong with it. */
export function query<S extends z.ZodType>(schema: S) {
  return validator('query', (value, c) => {
    const parsed = schema.safeParse(value)
    return parsed.success ? parsed.data : refuse(c, 400, problemOf(parsed.error))
  })
}

/** The same of a body in JSON. */
export function body<S extends z.ZodType>(schema: S) {
  return validator('json', (value, c) => {
    const parsed = schema.safeParse(value)
    return parsed.success ? parsed.data : refuse(c, 400, problemOf(parsed.error))
  })
}

/** The first thing that is wrong, with its place. What was asked is not said again. */
export function problemOf(error: z.ZodError): string {
  const [issue] = error.issues
  return [issue?.path.join('.'), issue?.message].filter(Boolean).join(': ').slice(0, 200)
}
