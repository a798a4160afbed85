import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ContextEntry, readTree } from '../router/image-ref.ts'

/**
 * The npm packages that the CLI runs on, as files to copy: those of node_modules that the lockfile does not mark
 * as development's (package-lock.json v3, "dev"), without .bin, and of the node-linux-* packages the binary only.
 * They are the very files that are in use and tested here, so a bundle needs neither npm nor a registry.
 */
export async function productionModules(root: string): Promise<ContextEntry[]> {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean; optional?: boolean }>
  }
  const wanted = Object.entries(lock.packages).filter(
    ([path, entry]) => path.startsWith('node_modules/') && !entry.dev && !entry.devOptional,
  )
  return wanted.flatMap(([path, entry]) => {
    if (path.includes('/node-linux-')) {
      if (path !== `node_modules/node-linux-${process.arch}`) return []
      return ['bin/node', 'LICENSE', 'package.json'].flatMap((file) =>
        readTree(join(root, path, file), `${path}/${file}`),
      )
    }
    try {
      return readTree(join(root, path), path).filter(
        (file) => !file.path.slice(path.length).startsWith('/node_modules/'),
      )
    } catch (error) {
      // Packages for other systems and processors are locked and not on the disk.
      if (entry.optional && (error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  })
}
