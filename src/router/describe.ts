import type { Impact, Plan, Step } from './plan.ts'

export interface DescribeOptions {
  /** Show which lines of the generated files change. Secrets are never shown. */
  readonly diff?: boolean
}

const IMPACTS: Readonly<Record<Impact, string>> = {
  none: '',
  reload: ' [reload]',
  restart: ' [restart]',
  reconnect: ' [reconnect]',
}

/** The plan in words, for the terminal. */
export function describe(plan: Plan, { diff = false }: DescribeOptions = {}): string {
  const lines: string[] = []
  if (plan.limited)
    lines.push('Without root only the files are seen; what runs is taken to be as the last apply left it.')
  if (plan.blockers.length > 0) {
    lines.push('It cannot be applied:')
    lines.push(...plan.blockers.map((blocker) => `  ${blocker}`))
  }
  if (plan.steps.length === 0) {
    lines.push('Nothing to do: the machine is what router.yaml says.')
  } else {
    lines.push(
      plan.from === undefined
        ? 'The first apply on this machine:'
        : plan.from === plan.to
          ? 'Changes on the machine that are not from router.yaml, to be mended:'
          : `From generation ${plan.from} to ${plan.to}:`,
    )
    for (const { owner, says, impact, steps } of summarise(plan.steps, diff)) {
      lines.push(`  ${owner === 'core' ? '' : `${owner}: `}${says}${IMPACTS[impact]}`)
      if (diff) lines.push(...steps.flatMap(stepDiff).map((line) => `      ${line}`))
    }
    lines.push(notice(plan))
  }
  for (const { owner, path } of plan.kept) lines.push(`Data of ${owner} stays in ${path}.`)
  return `${lines.join('\n')}\n`
}

interface Line extends Pick<Step, 'owner' | 'says' | 'impact'> {
  readonly steps: readonly Step[]
}

/**
 * The steps as one reads them: a file that is written and linked is one thing, and many alike (kernel settings,
 * processes) are one line; in full, every step has its line.
 */
function summarise(steps: readonly Step[], full: boolean): Line[] {
  if (full) return steps.map((step) => ({ ...step, steps: [step] }))
  const written = new Set(steps.flatMap((step) => (step.do === 'file' ? [step.path] : [])))
  const lines: Line[] = []
  const groups = new Map<string, Step[]>()
  for (const step of steps) {
    // The link of a file that is listed already; one that takes the place of the user's own is said.
    const linked = step.do === 'place' && step.saved === undefined && written.has(`host${step.path}`)
    if (linked || (step.do === 'merge' && written.has(`host${step.path}`))) continue
    const key = groupOf(step)
    const group = key === undefined ? undefined : groups.get(key)
    if (group) group.push(step)
    else {
      const fresh = [step]
      if (key !== undefined) groups.set(key, fresh)
      lines.push({ ...step, steps: fresh })
    }
  }
  return lines.map((line) => (line.steps.length > 1 ? { ...line, says: manyOf(line.steps) } : line))
}

function groupOf(step: Step): string | undefined {
  if (step.do === 'sysctl')
    return step.key.endsWith('forward') || step.key.endsWith('forwarding') ? undefined : 'sysctl'
  if (step.do === 'takeover' && step.action.kind === 'stop-process') return `stop ${step.action.name}`
  return undefined
}

function manyOf(steps: readonly Step[]): string {
  const [first] = steps
  if (first?.do === 'takeover') return `${first.says} (${steps.length} processes)`
  return `sets ${steps.length} kernel settings`
}

function notice({ steps }: Plan): string {
  const links = steps.flatMap((step) => (step.do === 'networkd' ? [...step.changed, ...step.mended] : []))
  if (links.length > 0) return `Connections over ${links.join(', ')} may pause for some seconds.`
  if (steps.some((step) => step.impact === 'reconnect')) return 'The WAN reconnects, within some seconds.'
  if (steps.some((step) => step.impact === 'restart'))
    return 'What restarts pauses for a moment; forwarding goes on.'
  return 'Nobody will notice.'
}

/** The plan for programs; `steps` in order, each with what it touches and no file contents. */
export function describeJson(plan: Plan): unknown {
  return {
    changes: plan.steps.length > 0,
    from: plan.from ?? null,
    to: plan.to,
    steps: plan.steps.map((step) => ({
      do: step.do,
      owner: step.owner,
      impact: step.impact,
      says: step.says,
      ...('path' in step && { path: step.path }),
      ...('unit' in step && { unit: step.unit }),
    })),
    limited: plan.limited,
    kept: plan.kept,
    blockers: plan.blockers,
  }
}

function stepDiff(step: Step): string[] {
  if (step.do !== 'file' && step.do !== 'merge') return []
  if (step.do === 'file' && step.secret) return ['(secret)']
  // daemon.json is the user's as well, and may name a proxy with its password.
  if (step.do === 'merge') return []
  return diffLines(step.before ?? '', step.after ?? '')
}

/** Longest files whose lines are compared one with each other; larger ones are only counted. */
const COMPARED = 2000

/** Lines that go ("- ") and come ("+ "), without what stays. */
export function diffLines(before: string, after: string): string[] {
  const one = split(before)
  const two = split(after)
  let start = 0
  while (start < one.length && start < two.length && one[start] === two[start]) start++
  let end = 0
  while (end < one.length - start && end < two.length - start && one.at(-1 - end) === two.at(-1 - end)) end++
  const a = one.slice(start, one.length - end)
  const b = two.slice(start, two.length - end)
  if (a.length * b.length > COMPARED * COMPARED) return [`- ${a.length} lines`, `+ ${b.length} lines`]
  // Lengths of the longest common subsequence of the tails.
  const width = b.length + 1
  const common = new Uint32Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const here = i * width + j
      common[here] =
        a[i] === b[j]
          ? (common[here + width + 1] ?? 0) + 1
          : Math.max(common[here + width] ?? 0, common[here + 1] ?? 0)
    }
  }
  const lines: string[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const here = i * width + j
    if (i < a.length && j < b.length && a[i] === b[j]) {
      i++
      j++
    } else if (j >= b.length || (i < a.length && (common[here + width] ?? 0) >= (common[here + 1] ?? 0))) {
      lines.push(`- ${a[i++]}`)
    } else {
      lines.push(`+ ${b[j++]}`)
    }
  }
  return lines
}

function split(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n')
}
