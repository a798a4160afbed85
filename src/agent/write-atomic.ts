import { open, readFile, rename, rm } from 'node:fs/promises'

/**
 * Replaces a file at one stroke: readers see the old text or the new. `durable` also survives a power cut, at the
 * price of a disk flush. Returns false when the file had that text already.
 */
export async function writeAtomic(
  path: string,
  text: string,
  options: { readonly mode?: number; readonly durable?: boolean } = {},
): Promise<boolean> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return false
  const temporary = `${path}.new`
  // A left-over, or somebody's link, is never written through.
  await rm(temporary, { force: true, recursive: true })
  const file = await open(temporary, 'wx', options.mode ?? 0o644)
  try {
    // Whatever the umask: others read these files (systemd-networkd is not root).
    await file.chmod(options.mode ?? 0o644)
    await file.writeFile(text)
    if (options.durable === true) await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
  return true
}
