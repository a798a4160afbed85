import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type FileMetaData, parquetMetadata, parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { archiveDirectory, currentFiles } from '../src/recorder/layout.ts'

/** Reads Parquet with a reader that is not the one that wrote it. */
export async function parquetRows(path: string): Promise<Record<string, unknown>[]> {
  const file = Uint8Array.from(readFileSync(path)).buffer
  return await parquetReadObjects({ file, compressors })
}

export function parquetFooter(path: string): FileMetaData {
  return parquetMetadata(Uint8Array.from(readFileSync(path)).buffer)
}

/** The current Parquet files of a data directory, by their partition's path below the archive. */
export async function archived(data: string): Promise<Map<string, string[]>> {
  const root = archiveDirectory(data)
  const names = await readdir(root, { recursive: true }).catch(() => [])
  const byDirectory = Map.groupBy(
    names.filter((name) => name.endsWith('.parquet')),
    (name) => name.slice(0, name.lastIndexOf('/')),
  )
  return new Map(
    [...byDirectory].map(([directory, files]) => {
      const current = currentFiles(files.map((file) => file.slice(directory.length + 1)))
      return [directory, current.map((name) => join(root, directory, name))]
    }),
  )
}

/** All rows of a kind in a data directory's archive. */
export async function archivedRows(data: string, kind: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[][] = []
  for (const [partition, files] of await archived(data)) {
    if (!partition.includes(`kind=${kind}/`)) continue
    for (const file of files) rows.push(await parquetRows(file))
  }
  return rows.flat()
}
