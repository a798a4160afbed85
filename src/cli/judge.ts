import { z } from 'zod'
import { userModules, validate } from '../config/validate.ts'
import { MODULES } from '../modules.ts'
import { PATHS } from '../router/paths.ts'

/** Whether a router.yaml is right, as far as that can be said without running a user's own modules. */
export function judge(text: string): ReturnType<typeof validate> {
  const own = userModules(text, PATHS.config).map(({ name }) => ({ name, config: z.unknown() }))
  return validate(text, PATHS.config, [...MODULES, ...own])
}
