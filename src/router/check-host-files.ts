import { stat } from 'node:fs/promises'
import type { Issue } from '../config/issue.ts'
import type { HostFile, RouterModule } from './module.ts'

/**
 * What is wrong with files of the host that router.yaml names. They are the router's: on another machine, where somebody
 * only looks at the file, it is a warning.
 */
export async function checkHostFiles(
  uses: readonly { readonly module: RouterModule; readonly config: unknown }[],
  onRouter: boolean,
): Promise<Issue[]> {
  const named = uses.flatMap(({ module, config }) =>
    (module.hostFiles?.(config) ?? []).map((file) => ({ module: module.name, file })),
  )
  const issues = await Promise.all(
    named.map(async ({ module, file }) => {
      const found = await fileProblem(file)
      return found && { path: ['modules', module, ...file.key], ...found, severity: severity(onRouter) }
    }),
  )
  return issues.filter((issue) => issue !== undefined)
}

function severity(onRouter: boolean): 'error' | 'warning' {
  return onRouter ? 'error' : 'warning'
}

/** What is wrong with a file of this machine. */
export async function fileProblem({
  path,
  secret,
}: HostFile): Promise<Pick<Issue, 'message' | 'fix'> | undefined> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => error.code ?? 'unknown')
  // Somebody who may not look is not told that it is missing.
  if (info === 'EACCES') return undefined
  if (typeof info === 'string')
    return { message: `${path} is not there (${info})`, fix: 'write that file, or correct the path' }
  if (!info.isFile()) return { message: `${path} is not a file`, fix: 'name a file' }
  // Containers run as uid 0 without the capability to read what belongs to others.
  if (secret && info.uid !== 0)
    return { message: `${path} belongs to user ${info.uid}`, fix: `chown root ${path}` }
  const mode = info.mode & 0o777
  if (secret && (mode & 0o077) !== 0)
    return {
      message: `${path} is a secret and others than its owner may use it (mode ${mode.toString(8)})`,
      fix: `chmod 400 ${path}`,
    }
  return undefined
}
