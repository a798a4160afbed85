import { Command } from 'commander'
import { formatIssues, issuesJson } from '../config/format.ts'
import type { Issue } from '../config/issue.ts'
import { loadRouter } from '../load-router.ts'
import { routerFile } from './report.ts'

/** `sekisho check [FILE]`: everything wrong with a router.yaml; exit 0 when nothing is, else 1. */
export function checkCommand(): Command {
  return new Command('check')
    .description('find every mistake in a router.yaml: where, what, and how to mend it')
    .argument('[file]', 'the router.yaml')
    .option('--json', 'for programs')
    .action(async (named: string | undefined, options: { json?: boolean }) => {
      const file = routerFile(named)
      const { ok, text, issues, summary } = await judge(file)
      if (options.json) {
        process.stdout.write(`${JSON.stringify({ file, ok, issues: issuesJson(issues) }, null, 2)}\n`)
      } else {
        process.stdout.write(formatIssues(issues, text, { color: process.stdout.isTTY === true }))
        if (ok) process.stdout.write(`ok: ${file}: ${summary}\n`)
      }
      process.exitCode = ok ? 0 : 1
    })
}

interface Judged {
  readonly ok: boolean
  readonly text: string
  readonly issues: readonly Issue[]
  readonly summary: string
}

async function judge(file: string): Promise<Judged> {
  const loaded = await loadRouter(file)
  if (!loaded.ok) return { ok: false, text: loaded.text, issues: loaded.issues, summary: '' }
  const networks = loaded.router.networks.map(({ name, prefix }) => `${name} ${prefix}`).join(', ')
  const owners = new Set(loaded.desired.services.map(({ owner }) => owner))
  const summary = `${networks}; ${owners.size > 0 ? `modules ${[...owners].join(', ')}` : 'no modules'}`
  return { ok: true, text: loaded.text, issues: loaded.warnings, summary }
}
