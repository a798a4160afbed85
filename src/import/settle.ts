import type { Issue } from '../config/issue.ts'
import { find, type Noted, type NotedPath, textOf, without } from './noted.ts'
import type { ReportBook } from './report.ts'

export type Settled =
  | { readonly ok: true; readonly text: string; readonly warnings: readonly Issue[] }
  | { readonly ok: false; readonly text: string; readonly issues: readonly Issue[] }

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
  ['wan', 'service_name'],
  ['wan', 'ac_name'],
  ['wan', 'lcp_echo_secs'],
  ['wan', 'lcp_echo_failures'],
  ['wan', 'dns'],
]

const MAX_ROUNDS = 200

/**
 * The text that passes the check: what it refuses of an old installation, and what the router can do without, is left out
 * and told in the book, one thing after the other.
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
    const dropped = errors
      .map((issue) => ({ issue, path: optional(current, issue.path) }))
      .find(({ path }) => path)
    if (!dropped?.path || round >= MAX_ROUNDS) return { ok: false, text, issues: errors }
    const { issue, path } = dropped
    const { note = 'the old installation' } = find(current, path)
    book.add('left', note, pathText(path), `${issue.message}; to have it: ${issue.fix}`)
    current = without(current, path)
  }
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
