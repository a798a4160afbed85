import { isAbsolute } from 'node:path'
import type { z } from 'zod'
import { check } from './check.ts'
import { draftOf } from './draft.ts'
import { either, type Finding, show } from './finding.ts'
import type { Issue } from './issue.ts'
import { parse, type Source } from './parse.ts'
import { RouterConfig } from './schema.ts'
import { suggest } from './suggest.ts'
import { schemaFindings } from './zod-findings.ts'

/** What validation needs to know of a module; the router's own contract has more. */
export interface ModuleSchema {
  readonly name: string
  readonly config: z.ZodType
}

/** A module of the file with its own keys checked and its defaults filled in. */
interface ModuleConfig {
  readonly name: string
  readonly config: unknown
}

export type Validated =
  | {
      readonly ok: true
      readonly config: RouterConfig
      readonly modules: readonly ModuleConfig[]
      readonly warnings: readonly Issue[]
      /** Gives issues found later (by a module's check, say) their place in the file. */
      locate(issues: readonly Issue[]): Issue[]
    }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/**
 * Reads a router.yaml and finds everything that is wrong with it at once, in the order of the file; the issues of
 * a failure include its warnings. `modules` are those we ship and the user's own, loaded from the paths that
 * `userModules` lists, `loading` what went wrong with those. Never throws.
 */
export function validate(
  input: string | Uint8Array,
  file: string,
  modules: readonly ModuleSchema[],
  loading: readonly Finding[] = [],
): Validated {
  const parsed = parse(input, file)
  const { source } = parsed
  if (!source) return { ok: false, issues: parsed.issues }

  const entries = moduleEntries(source.value)
  const checked = entries.map(([name, value]) => checkModule(name, value, modules))
  const findings = [
    ...schemaFindings(RouterConfig, source.value),
    ...checked.flatMap((module) => module.findings),
    ...check(draftOf(source.value)),
    ...loading,
  ]
  const issues = inOrder([...parsed.issues, ...place(source, findings)])
  if (issues.some((issue) => issue.severity !== 'warning')) return { ok: false, issues }

  const config = RouterConfig.parse(source.value)
  return {
    ok: true,
    config,
    modules: checked.flatMap(({ name, config: own }) => (own === undefined ? [] : [{ name, config: own }])),
    warnings: issues,
    locate: (later) => inOrder(later.map((issue) => ({ location: source.locate(issue.path), ...issue }))),
  }
}

/** The user's own modules that a file names, as written: the folder is absolute or relative to the file's. */
export function userModules(input: string | Uint8Array, file: string): { name: string; path: string }[] {
  return moduleEntries(parse(input, file).source?.value).flatMap(([name, value]) => {
    const path = pathOf(value)
    return typeof path === 'string' && pathProblem(path) === undefined ? [{ name, path }] : []
  })
}

function moduleEntries(root: unknown): [string, unknown][] {
  const modules = (root as { modules?: unknown } | undefined)?.modules
  return typeof modules === 'object' && modules !== null && !Array.isArray(modules)
    ? Object.entries(modules)
    : []
}

function pathOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? (value as { path?: unknown }).path : undefined
}

function pathProblem(path: string): string | undefined {
  return isAbsolute(path) || /^\.\.?\//.test(path)
    ? undefined
    : `${show(path)} is neither absolute nor begins with "./"`
}

function checkModule(
  name: string,
  value: unknown,
  modules: readonly ModuleSchema[],
): { name: string; config?: unknown; findings: Finding[] } {
  const path = ['modules', name]
  const module = modules.find((known) => known.name === name)
  const findings: Finding[] = []
  const where = pathOf(value)
  if (where !== undefined) {
    const problem = typeof where === 'string' ? pathProblem(where) : `${show(where)} is not a path`
    if (problem !== undefined) {
      findings.push({
        path: [...path, 'path'],
        message: problem,
        fix: `write the folder, like ./modules/${name.slice(0, 20)}`,
      })
    }
  }
  if (where !== undefined && modules.filter((known) => known.name === name).length > 1) {
    const message = `${show(name)} is the name of a module that comes with the router`
    findings.push({ path: [...path, 'path'], message, fix: 'give your own module another name' })
  }
  if (!module) {
    if (where === undefined) findings.push(unknownModule(name, modules))
    else if (findings.length === 0) {
      const fix = 'write the folder that holds its module.ts'
      findings.push({
        path: [...path, 'path'],
        message: `no module ${show(name)} could be loaded from there`,
        fix,
      })
    }
    return { name, findings }
  }
  // "kea:" with nothing after it is how one writes a module without settings.
  const own = withoutPath(value ?? {})
  findings.push(...schemaFindings(module.config, own, path))
  if (findings.length > 0) return { name, findings }
  const result = module.config.safeParse(own)
  return { name, config: result.data, findings }
}

function withoutPath(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const { path: _, ...own } = value as Record<string, unknown>
  return own
}

function unknownModule(name: string, modules: readonly ModuleSchema[]): Finding {
  const names = modules.map((module) => module.name).toSorted()
  const near = suggest(name, names)
  const fix =
    near === undefined
      ? `write ${either(names)}, or give your own module's folder as "path:"`
      : `did you mean ${near}?`
  return { path: ['modules', name], at: 'key', message: `there is no module ${show(name)}`, fix }
}

function place(source: Source, findings: readonly Finding[]): Issue[] {
  return findings.map(({ at, ...issue }) => ({ ...issue, location: source.locate(issue.path, at) }))
}

/** In the order of the text; what stands at one place keeps its order. */
function inOrder(issues: readonly Issue[]): Issue[] {
  return issues.toSorted((a, b) => {
    const line = (a.location?.line ?? 0) - (b.location?.line ?? 0)
    return line !== 0 ? line : (a.location?.column ?? 0) - (b.location?.column ?? 0)
  })
}
