import { existsSync } from 'node:fs'
import { formatIssues, issuesJson } from '../config/format.ts'
import { type LoadedRouter, loadRouter } from '../load-router.ts'
import { PATHS } from '../router/paths.ts'

/** The router.yaml that a command means: the one named, the installed one, or the one in this folder. */
export function routerFile(named: string | undefined): string {
  return named ?? (existsSync(PATHS.config) ? PATHS.config : 'router.yaml')
}

/** Whether a command may change the machine; says so, and sets the exit code, when it may not. */
export function asRoot(command: string, why: string): boolean {
  if (process.getuid?.() === 0) return true
  process.stderr.write(`sekisho ${command} ${why}. Fix: run it as root\n`)
  process.exitCode = 1
  return false
}

/**
 * Loads a router.yaml for a command. What is wrong with it goes to stderr (or as JSON to stdout), the exit code
 * becomes 1 and the result is undefined; warnings are printed and the command goes on.
 */
export async function loadOrReport(
  named: string | undefined,
  json: boolean,
): Promise<Extract<LoadedRouter, { ok: true }> | undefined> {
  const file = routerFile(named)
  const loaded = await loadRouter(file)
  const issues = loaded.ok ? loaded.warnings : loaded.issues
  if (json && !loaded.ok)
    process.stdout.write(`${JSON.stringify({ ok: false, issues: issuesJson(issues) }, null, 2)}\n`)
  else process.stderr.write(formatIssues(issues, loaded.text, { color: process.stderr.isTTY }))
  if (loaded.ok) {
    const { migration } = loaded
    if (migration)
      process.stderr.write(
        `${file} is of version ${migration.from} and read as version ${migration.to}: ${migration.says.join('; ')}\n`,
      )
    return loaded
  }
  process.exitCode = 1
  return undefined
}
