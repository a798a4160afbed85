import { createColors } from 'picocolors'
import { type Change, MARKS } from '../config/changes.ts'
import { unifiedDiff } from '../lib/diff-lines.ts'
import { printableLine } from '../lib/printable.ts'
import { wrap } from '../lib/wrap.ts'
import type { Drift } from './plan/drift.ts'
import { hintsOf, outcomeOf } from './plan/impact.ts'
import type { Plan } from './plan/plan.ts'
import type { Step } from './plan/step.ts'

export interface DescribeOptions {
  /** Every step, with the lines of the generated files that change. Secrets are never shown. */
  readonly full?: boolean
  readonly color?: boolean
  /** Columns of the terminal; lines are broken to fit. As long as they are unless told. */
  readonly width?: number
}

/** Lines for a terminal, in colours or not. */
interface Paper {
  readonly colors: ReturnType<typeof createColors>
  readonly lines: string[]
  readonly add: (line: string, indent?: string, paint?: (text: string) => string) => void
}

function paper({ color = false, width = Number.POSITIVE_INFINITY }: DescribeOptions): Paper {
  const lines: string[] = []
  return {
    colors: createColors(color),
    lines,
    add: (line, indent = '', paint = (text) => text) =>
      lines.push(...wrap(line, width, indent).split('\n').map(paint)),
  }
}

/** The plan in words, for the terminal: what router.yaml changes, what was changed by hand, and what is done. */
export function describe(plan: Plan, options: DescribeOptions = {}): string {
  const out = paper(options)
  const { add, colors, lines } = out
  if (plan.limited)
    add('Without root only the files are seen; what runs is taken to be as the last apply left it.')
  if (plan.blockers.length > 0) {
    add('It cannot be applied:', '', colors.red)
    for (const blocker of plan.blockers) add(`  ${blocker}`, '    ')
  }
  if (plan.steps.length === 0) {
    add('Nothing to do: the machine is what router.yaml says.')
  } else {
    if (plan.changes.length > 0) {
      add(title(plan), '', colors.bold)
      lines.push('', ...changeLines(plan.changes, options), '')
    }
    if (plan.drift.length > 0) {
      add(driftTitle(plan), '', colors.bold)
      lines.push('', ...driftLines(plan.drift, options), '')
    }
    const seen = plan.changes.length + plan.drift.length > 0
    add(seen ? 'On the machine:' : title(plan), '', colors.bold)
    lines.push('')
    stepLines(plan, options, out)
    lines.push('')
    add(outcomeOf(plan.steps))
    for (const hint of hintsOf(plan.changes)) add(hint)
  }
  for (const { owner, path } of plan.kept) add(`Data of ${owner} stays in ${path}.`)
  return `${lines.join('\n')}\n`
}

function title({ from, to }: Plan): string {
  if (from === undefined) return 'The first apply on this machine:'
  if (to === 0) return 'All that is ours goes from this machine:'
  return from === to ? 'On the machine, and not from router.yaml:' : `From generation ${from} to ${to}:`
}

function driftTitle({ from, unfinished }: Plan): string {
  return unfinished
    ? `The last apply did not end; not as generation ${from} says, and apply mends it:`
    : `Changed by hand since generation ${from}; apply repairs it:`
}

/** Changes as lines, each with its mark. */
export function changeLines(changes: readonly Change[], options: DescribeOptions = {}): string[] {
  const { add, colors, lines } = paper(options)
  const paint = { added: colors.green, removed: colors.red, changed: colors.yellow }
  for (const { kind, says } of changes) add(`  ${MARKS[kind]} ${says}`, '    ', paint[kind])
  return lines
}

function driftLines(drift: readonly Drift[], options: DescribeOptions): string[] {
  const { add, colors, lines } = paper(options)
  for (const { says, lines: shown = [] } of drift) {
    add(`  ! ${says}`, '    ', colors.yellow)
    for (const line of shown) add(`      ${line}`, '        ', paintOf(line, colors))
  }
  return lines
}

/** The colour of a line of a diff, by its sign. */
export function paintOf(
  line: string,
  colors: Pick<Paper['colors'], 'cyan' | 'green' | 'red'>,
): (text: string) => string {
  if (line.startsWith('+')) return colors.green
  if (line.startsWith('-')) return colors.red
  return line.startsWith('@@') ? colors.cyan : (text) => text
}

function stepLines({ steps }: Plan, options: DescribeOptions, { add, colors, lines }: Paper): void {
  const { full = false } = options
  for (const { owner, says, steps: own } of summarise(steps, full)) {
    add(`  ${owner === 'core' ? '' : `${owner}: `}${says}`, '    ')
    for (const notice of own.flatMap((step) => step.notices ?? []))
      add(`      → ${notice}`, '        ', colors.cyan)
    if (full) for (const line of own.flatMap(stepDiff)) lines.push(paintOf(line, colors)(`      ${line}`))
  }
}

interface Line extends Pick<Step, 'owner' | 'says'> {
  readonly steps: readonly Step[]
}

/**
 * The steps as one reads them: files are counted, and many alike (kernel settings, processes) are one line; in full,
 * every step has its line.
 */
function summarise(steps: readonly Step[], full: boolean): Line[] {
  if (full) return steps.map((step) => ({ ...step, steps: [step] }))
  const written = new Set(steps.flatMap((step) => (step.do === 'file' ? [step.path] : [])))
  const lines: Line[] = []
  const groups = new Map<string, Step[]>()
  for (const step of steps) {
    const key = groupOf(step, written)
    const group = key === undefined ? undefined : groups.get(key)
    if (group) group.push(step)
    else {
      const fresh = [step]
      if (key !== undefined) groups.set(key, fresh)
      lines.push({ ...step, steps: fresh })
    }
  }
  return lines.map(({ steps: own, ...line }) => {
    const many = manyOf(own)
    return { ...line, steps: own, ...(many !== undefined && { owner: 'core', says: many }) }
  })
}

function groupOf(step: Step, written: ReadonlySet<string>): string | undefined {
  if (step.do === 'file') return 'files'
  // What takes the place of the user's own file, or gives it back, is said.
  if (step.do === 'place' && step.saved === undefined) return 'files'
  if (step.do === 'merge' && written.has(`host${step.path}`)) return 'files'
  if (step.do === 'sysctl')
    return step.key.endsWith('forward') || step.key.endsWith('forwarding') ? undefined : 'sysctl'
  if (step.do === 'takeover' && step.action.kind === 'stop-process') return `stop ${step.action.name}`
  return undefined
}

/** What a group of steps is called; undefined for a step that says it itself. */
function manyOf(steps: readonly Step[]): string | undefined {
  const [first] = steps
  if (first?.do === 'file' || (first?.do === 'place' && first.saved === undefined) || first?.do === 'merge') {
    if (first.do !== 'file' && steps.length === 1) return undefined
    const paths = new Set(
      steps.flatMap((step) => ('path' in step ? [step.path.replace(/^host\//, '/')] : [])),
    )
    return paths.size === 1 ? undefined : `writes ${paths.size} files ("--full" shows them)`
  }
  if (steps.length < 2) return undefined
  if (first?.do === 'takeover') return `${first.says} (${steps.length} processes)`
  return `sets ${steps.length} kernel settings`
}

/** The plan for programs; `steps` in order, each with what it touches and no file contents. */
export function describeJson(plan: Plan): unknown {
  return {
    pending: plan.steps.length > 0,
    from: plan.from ?? null,
    to: plan.to,
    changes: plan.changes,
    drift: plan.drift,
    steps: plan.steps.map((step) => ({
      do: step.do,
      owner: step.owner,
      impact: step.impact,
      says: step.says,
      notices: step.notices ?? [],
      ...('path' in step && { path: step.path }),
      ...('unit' in step && { unit: step.unit }),
    })),
    outcome: plan.steps.length > 0 ? [outcomeOf(plan.steps), ...hintsOf(plan.changes)].join(' ') : null,
    limited: plan.limited,
    kept: plan.kept,
    blockers: plan.blockers,
  }
}

function stepDiff(step: Step): string[] {
  if (step.do !== 'file') return []
  if (step.secret) return ['(secret)']
  // daemon.json is the user's as well, and may name a proxy with its password: `merge` shows nothing.
  return unifiedDiff(step.before ?? '', step.after ?? '').map(printableLine)
}
