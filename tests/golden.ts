import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect } from 'vitest'

/**
 * Compares generated files with the directory `dir`: the same set of paths, the same text, nothing more on either
 * side. With SEKISHO_GOLDEN=write (`npm run golden`) the directory becomes what was generated.
 */
export async function expectGolden(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const path of Object.keys(files)) {
    if (path.startsWith('/') || path.split('/').includes('..'))
      throw new Error(`golden path ${path} is not inside`)
  }
  if (process.env.SEKISHO_GOLDEN === 'write') await write(dir, files)
  const golden = await read(dir)
  expect(Object.keys(files).sort(), `the files of ${dir}`).toEqual(Object.keys(golden).sort())
  for (const [path, text] of Object.entries(files)) expect(text, join(dir, path)).toBe(golden[path])
}

async function write(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  await rm(dir, { recursive: true, force: true })
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true })
    await writeFile(join(dir, path), text)
  }
}

async function read(dir: string): Promise<Record<string, string>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    throw new Error(`no golden files at ${dir}: run npm run golden, then read what it wrote`, {
      cause: error,
    })
  })
  const paths = entries.filter((e) => !e.isDirectory()).map((e) => join(e.parentPath, e.name))
  const read = paths.map(async (path) => [path.slice(dir.length + 1), await readFile(path, 'utf8')] as const)
  return Object.fromEntries(await Promise.all(read))
}
