import { stat } from 'node:fs/promises'

/** A text that changes whenever the file is written or replaced; '' when there is none. */
export async function fingerprint(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs, ctimeMs } = await stat(path)
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`
  } catch {
    return ''
  }
}
