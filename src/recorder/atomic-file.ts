import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Replaces a file so that a reader, or a crash at any point, sees the old text or the new one. */
export async function writeFileAtomic(
  path: string,
  text: string,
  options: { readonly durable: boolean } = { durable: true },
): Promise<void> {
  const temporary = `${path}.tmp`
  try {
    const file = await open(temporary, 'w', 0o640)
    try {
      await file.writeFile(text)
      if (options.durable) await file.datasync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    // What was written may be what fills the disk.
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
  if (options.durable) await syncDirectory(dirname(path))
}

/** Makes names created in a directory outlive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
