import { link, readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Command } from 'commander'
import { formatIssues } from '../config/format.ts'
import { migrate } from '../config/migrate.ts'
import { latestVersion, MIGRATIONS, type Migration } from '../config/migrations/migrations.ts'
import { hasCode } from '../router/host.ts'
import { replaceFile } from './replace-file.ts'
import { routerFile } from './report.ts'

/** `sekisho migrate [FILE]`: writes a router.yaml of an earlier version as one of the current. */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description('write router.yaml in the current version of its format; the old file is kept beside it')
    .argument('[file]', 'the router.yaml')
    .action(async (named: string | undefined) => {
      const file = routerFile(named)
      try {
        process.exitCode = await run(file)
      } catch (error) {
        if (!(error instanceof Error && 'syscall' in error)) throw error
        process.stderr.write(`sekisho: ${error.message}. Fix: name another file, or run it as its owner\n`)
        process.exitCode = 1
      }
    })
}

async function run(file: string): Promise<number> {
  const result = await migrateFile(file)
  if (!result.ok) {
    process.stderr.write(formatIssues(result.issues, result.text, { color: process.stderr.isTTY }))
    return 1
  }
  if (result.kept === undefined)
    process.stdout.write(`${file} needs nothing: version ${latestVersion()} is current\n`)
  else {
    for (const line of result.says) process.stdout.write(`  ${line}\n`)
    process.stdout.write(`wrote ${file} as version ${latestVersion()}; what it was is ${result.kept}\n`)
  }
  return 0
}

type MigratedFile =
  | {
      readonly ok: true
      /** Where the old file is; absent when there was nothing to do. */
      readonly kept?: string
      readonly says: readonly string[]
    }
  | { readonly ok: false; readonly text: string; readonly issues: Parameters<typeof formatIssues>[0] }

/** Replaces a router.yaml of an earlier version at one stroke, after it has a second name, router.yaml.v1. */
export async function migrateFile(
  file: string,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<MigratedFile> {
  const path = resolve(file)
  const bytes = await readFile(path)
  const migrated = migrate(bytes, file, migrations)
  if (!migrated.ok) return { ok: false, text: bytes.toString('utf8'), issues: migrated.issues }
  if (!migrated.migration) return { ok: true, says: [] }
  const { from, text, says } = migrated.migration
  const kept = await keep(path, `${path}.v${from}`, bytes)
  await replaceFile(path, text)
  return { ok: true, kept, says }
}

/** Gives the file a second name that nothing else has. */
async function keep(path: string, name: string, bytes: Buffer): Promise<string> {
  for (let i = 1; ; i++) {
    const kept = i === 1 ? name : `${name}.${i}`
    try {
      await link(path, kept)
      return kept
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error
      // As after a migration that was cut short.
      if ((await readFile(kept)).equals(bytes)) return kept
    }
  }
}
