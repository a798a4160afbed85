import { lstat } from 'node:fs/promises'
import { hasCode } from '../router/host.ts'

/** Whether anything lies at a path, a link that leads nowhere included. */
export async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(absent)) !== undefined
}

/** For a look at a path where nothing may be; throws every other error. */
export function absent(error: unknown): undefined {
  if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
  throw error
}
