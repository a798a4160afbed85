import type { Issue } from '../config/issue.ts'
import { find, type Noted, type NotedPath, textOf, without } from './noted.ts'
import type { ReportBook } from './report.ts'

export type Settled =
  | { readonly ok: true; readonly text: string; readonly warnings: readonly Issue[] }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/** Says what is wrong with the text of a router.yaml, as `sekisho check` does. */
export type Judge = (text: string) => Promise<readonly Issue[]>

/** What a router can do without, the longest path first; '*' is any key or number. */
const OPTIONAL: readonly NotedPath[] = [
  ['networks', '*', 'dhcp', 'pools', '*'],
  ['networks', '*', 'dhcp', 'reservations', '*'],
  ['networks', '*', 'dhcp', '*'],
  ['firewall', '*', '*'],
  ['modules', '*', '*', '*'],
  ['modules', '*', '*'],
  ['modules', '*'],
  ['wan', 'mtu_bytes'],
  ['wan', 'mac'],
  ['wan', 'service_name'],
  ['wan', 'ac_name'],
  ['wan', 'lcp_echo_secs'],
  ['wan', 'lcp_echo_failures'],
  ['wan', 'dns'],
]

/** What is left out may be what something else needs: a few times, and not for ever. */
const MAX_ROUNDS = 20

/**
 * The text that passes the check: what it refuses of an old installation, and what the router can do without, is left out
 * and told in the book.
 */
export async function settle(
  router: Noted,
  head: readonly string[],
  judge: Judge,
  book: ReportBook,
): Promise<Settled> {
  let current = router
  for (let round = 0; ; round++) {
    const text = textOf(current, head)
    const issues = await judge(text)
    const errors = issues.filter(({ severity }) => severity !== 'warning')
    if (errors.length === 0) return { ok: true, text, warnings: issues }
    const parts = new Map<string, { issue: Issue; path: NotedPath }>()
    for (const issue of errors) {
      const path = optional(current, issue.path)
      if (path) parts.set(pathText(path), { issue, path })
    }
    if (parts.size === 0 || round >= MAX_ROUNDS)
      return { ok: false, issues: errors.map((issue) => told(current, issue)) }
    // From the end of each list on, so that the others keep their numbers.
    for (const { issue, path } of [...parts.values()].sort((a, b) => backwards(a.path, b.path))) {
      const { note = 'the old installation' } = find(current, path)
      book.add('left', note, pathText(path), `${issue.message}; to have it: ${issue.fix}`)
      current = without(current, path)
    }
  }
}

/** The same issue with where its value came from: its place in a file that is not written says nothing. */
function told(router: Noted, { path, message, fix }: Issue): Issue {
  const { note } = find(router, path)
  const place = path.length > 0 ? `${pathText(path)}${note === undefined ? '' : ` (${note})`}: ` : ''
  return { path, message: `${place}${message}`, fix }
}

function backwards(a: NotedPath, b: NotedPath): number {
  for (const [i, step] of a.entries()) {
    const other = b[i]
    if (other === undefined) return -1
    if (typeof step === 'number' && typeof other === 'number' && step !== other) return other - step
    if (step !== other) return String(step) < String(other) ? 1 : -1
  }
  return a.length === b.length ? 0 : 1
}

/** The part around a place that can be left out, if it is there. */
function optional(router: Noted, path: NotedPath): NotedPath | undefined {
  const pattern = OPTIONAL.find(
    (wanted) => wanted.length <= path.length && wanted.every((step, i) => step === '*' || step === path[i]),
  )
  const found = pattern && path.slice(0, pattern.length)
  return found && find(router, found).found ? found : undefined
}

function pathText(path: NotedPath): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : `${i > 0 ? '.' : ''}${step}`))
    .join('')
}
