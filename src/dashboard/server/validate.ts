import type { MiddlewareHandler } from 'hono'
import { validator } from 'hono/validator'
import type { z } from 'zod'
import { type Env, refuse } from './guards.ts'

/** What a handler behind it gets, and a typed client has to give. */
type Validated<T extends 'query' | 'json', S extends z.ZodType> = MiddlewareHandler<
  Env,
  string,
  { in: { [K in T]: z.input<S> }; out: { [K in T]: z.output<S> } }
>

/** Reads the query string with this schema: 400 with what is wrong with it. */
export function query<S extends z.ZodType>(schema: S): Validated<'query', S> {
  return validated('query', schema)
}

/** The same of a body in JSON. */
export function body<S extends z.ZodType>(schema: S): Validated<'json', S> {
  return validated('json', schema)
}

function validated<T extends 'query' | 'json', S extends z.ZodType>(target: T, schema: S): Validated<T, S> {
  return validator(target, (value, c) => {
    const parsed = schema.safeParse(value)
    return parsed.success ? parsed.data : refuse(c, 400, problemOf(parsed.error))
  }) as unknown as Validated<T, S>
}

/** The first thing that is wrong, with its place. What was asked is not said again. */
export function problemOf(error: z.ZodError): string {
  const [issue] = error.issues
  return [issue?.path.join('.'), issue?.message].filter(Boolean).join(': ').slice(0, 200)
}
