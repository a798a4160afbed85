import { posix } from 'node:path'
import { parse } from '../config/parse.ts'
import { userModules } from '../config/validate.ts'
import { PATHS } from '../router/paths.ts'

/** What a router.yaml names beside itself: files by keys that end in "_file", and folders of own modules. */
export interface Named {
  readonly files: readonly string[]
  readonly folders: readonly string[]
}

/** Reads them from the text as absolute paths, sorted; nothing of a text that is no YAML. */
export function namedFiles(text: string): Named {
  const folder = posix.dirname(PATHS.config)
  const absolute = (path: string) => posix.resolve(folder, path)
  const found = new Set<string>()
  collect(parse(text, PATHS.config).source?.value, found)
  return {
    files: [...found].map(absolute).sort(),
    folders: userModules(text, PATHS.config)
      .map(({ path }) => absolute(path))
      .sort(),
  }
}

function collect(value: unknown, found: Set<string>): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner !== 'string') collect(inner, found)
    else if (key.endsWith('_file') && inner !== '' && !inner.includes('\0')) found.add(inner)
  }
}
