import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { archiveDirectory, type Partition } from '../layout.ts'
import { isKindName } from '../records/kinds.ts'
import { isDate } from './filing.ts'

/** A Parquet file of the archive. */
export interface ArchivedFile extends Partition {
  readonly name: string
  /** Below the archive's directory. */
  readonly path: string
  readonly bytes: number
  readonly modifiedMs: number
  /** Of the newest segment in it. */
  readonly sequence: number
}

/** The archive's files; foreign ones are left out, and left alone. */
export async function listArchive(data: string): Promise<ArchivedFile[]> {
  const root = archiveDirectory(data)
  const files: ArchivedFile[] = []
  for (const site of await values(root, 'site')) {
    for (const kind of await values(join(root, `site=${site}`), 'kind')) {
      if (!isKindName(kind)) continue
      const above = join(`site=${site}`, `kind=${kind}`)
      for (const date of await values(join(root, above), 'date')) {
        if (!isDate(date)) continue
        for (const name of await namesIn(join(root, above, `date=${date}`))) {
          const sequence = /^(?:part|day)-(\d{10})\.parquet$/.exec(name)?.[1]
          if (sequence === undefined) continue
          const path = join(above, `date=${date}`, name)
          const info = await stat(join(root, path))
          if (!info.isFile()) continue
          const { size: bytes, mtimeMs: modifiedMs } = info
          files.push({ site, kind, date, name, path, bytes, modifiedMs, sequence: Number(sequence) })
        }
      }
    }
  }
  return files
}

async function values(path: string, key: string): Promise<string[]> {
  const names = await namesIn(path)
  return names.filter((name) => name.startsWith(`${key}=`)).map((name) => name.slice(key.length + 1))
}

/** The names in a directory, sorted; none when there is no such directory. */
export async function namesIn(path: string): Promise<string[]> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
    throw error
  })
  return names.sort()
}
