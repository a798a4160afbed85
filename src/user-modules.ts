import { existsSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import type { Issue } from './config/issue.ts'
import { userModules } from './config/validate.ts'
import type { RouterModule } from './router/module.ts'

/** A module with the folder that holds its Dockerfile. */
export interface LocatedModule {
  readonly module: RouterModule
  readonly folder: string
}

/*
 * A user's module lies outside this tree, with no node_modules of its own: what it may import by name is
 * `zod` and `sekisho` (the contract), and they are ours.
 */
const OFFERED: Readonly<Record<string, string>> = {
  sekisho: new URL('./router/module.ts', import.meta.url).href,
  zod: import.meta.resolve('zod'),
}

let hooked = false
function offerContract(): void {
  if (hooked) return
  hooked = true
  registerHooks({
    resolve(specifier, context, next) {
      const url = OFFERED[specifier]
      return url ? { url, shortCircuit: true } : next(specifier, context)
    },
  })
}

const Shape = z.object({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,19}$/),
  summary: z.string(),
  config: z.custom<z.ZodType>((value) => value instanceof z.ZodType),
  build: z.custom<RouterModule['build']>((value) => typeof value === 'function'),
})

/**
 * The modules that router.yaml names by folder (`modules.<name>.path`, relative to the file). A folder
 * that is not a module gives an issue at that path and a stand-in, so that the rest is still judged.
 */
export async function loadUserModules(
  input: Uint8Array,
  file: string,
): Promise<{ modules: LocatedModule[]; issues: Issue[] }> {
  const modules: LocatedModule[] = []
  const issues: Issue[] = []
  for (const { name, path } of userModules(input, file)) {
    const folder = resolve(dirname(file), path)
    const result = await loadModule(name, folder)
    if ('module' in result) {
      modules.push({ module: result.module, folder })
    } else {
      issues.push({ path: ['modules', name, 'path'], ...result })
      modules.push({ module: standIn(name), folder })
    }
  }
  return { modules, issues }
}

async function loadModule(
  name: string,
  folder: string,
): Promise<{ module: RouterModule } | { message: string; fix: string }> {
  const source = join(folder, 'module.ts')
  if (!existsSync(source)) {
    return { message: `${source} does not exist`, fix: 'name the folder that holds module.ts' }
  }
  offerContract()
  let exports: Record<string, unknown>
  try {
    exports = (await import(pathToFileURL(source).href)) as Record<string, unknown>
  } catch (error) {
    return { message: `${source} does not load: ${String(error)}`, fix: 'mend the module' }
  }
  const found = Object.values(exports).find((value) => Shape.safeParse(value).success) as
    | RouterModule
    | undefined
  if (!found) {
    return {
      message: `${source} exports no module`,
      fix: 'export const it = defineModule({ name, summary, config, build })',
    }
  }
  if (found.name !== name) {
    return { message: `${source} is the module "${found.name}"`, fix: `write modules.${found.name}` }
  }
  return { module: found }
}

function standIn(name: string): RouterModule {
  return {
    name,
    summary: 'not loaded',
    config: z.unknown(),
    build: () => ({ files: [], services: [], openings: [], logs: [], data: [] }),
  }
}
