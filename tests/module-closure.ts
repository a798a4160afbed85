import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/** A file of the project and all that it imports when it runs, packages as folders of node_modules. */
function moduleClosure(file: string, seen: Set<string> = new Set()): string[] {
  if (seen.has(file)) return []
  seen.add(file)
  const text = readFileSync(join(ROOT, file), 'utf8')
  // Types are gone when it runs.
  const targets = [...text.matchAll(/^(?:import|export) (?!type )[^'\n]*(?:\n[^'\n]*)*? from '([^']+)'/gm)]
  return [
    file,
    ...targets.flatMap(([, target = '']) => {
      if (target.startsWith('.')) return moduleClosure(normalize(join(dirname(file), target)), seen)
      return target.startsWith('node:') ? [] : [`node_modules/${target}`]
    }),
  ]
}

/** What programs import and an image, made of these sources, would not have. */
export function missingInImage(programs: readonly string[], sources: readonly string[]): string[] {
  const missing = programs
    .flatMap((program) => moduleClosure(program))
    .filter((file) => !sources.some((source) => file === source || file.startsWith(`${source}/`)))
  return [...new Set(missing)]
}
