import type { Problem } from '../client.ts'
import { t } from '../i18n/messages.ts'
import { Icon } from './icons.tsx'
import { Told } from './text.tsx'

interface EmptyProps {
  readonly text: string
  /** What to do about it. */
  readonly fix?: string
}

/** In place of a list without rows. */
export function Empty({ text, fix }: EmptyProps) {
  return (
    <div class="empty">
      <p>{text}</p>
      {fix !== undefined && <p class="note">{fix}</p>}
    </div>
  )
}

/** Why something is not there, and what to do. */
export function ProblemNote({ problem, again }: { readonly problem: Problem; readonly again?: () => void }) {
  const texts = t.value.problem
  const error = problem.status === 0 ? texts.unreachable : problem.error
  const fix =
    problem.fix ??
    (problem.status === 0 ? texts.unreachableFix : problem.status === 404 ? texts.notFoundFix : undefined)
  return (
    <div class="problem" role="alert">
      <Icon name="warn" />
      <div>
        <p>
          <strong>{texts.title}</strong> <Told text={error} />
        </p>
        {fix !== undefined && (
          <p>
            {texts.fix} <Told text={fix} />
          </p>
        )}
        {again !== undefined && (
          <button type="button" onClick={again}>
            {texts.again}
          </button>
        )}
      </div>
    </div>
  )
}

/** The place that something will take, so that nothing jumps when it comes. */
export function Loading({ lines = 4 }: { readonly lines?: number }) {
  return (
    <div class="loading" role="status">
      <span class="hidden">{t.value.shell.loading}</span>
      {Array.from({ length: lines }, (_, i) => (
        <div class="loading-line" key={i} aria-hidden="true" />
      ))}
    </div>
  )
}
