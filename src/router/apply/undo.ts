import { invert } from '../plan/invert.ts'
import type { Step } from '../plan/step.ts'
import type { StepContext } from './step.ts'
import { execute, messageOf } from './step.ts'

/** Does steps, each as well as it can be done; returns what failed, with `inWords` of the error. */
export async function executeAll(
  steps: readonly Step[],
  context: StepContext,
  onProgress: (line: string) => void,
  inWords: (error: unknown) => string = messageOf,
): Promise<string[]> {
  const failures: string[] = []
  for (const step of steps) {
    if (step.do === 'file') continue
    onProgress(step.says)
    try {
      await execute(step, context)
    } catch (error) {
      failures.push(`${step.says}: ${inWords(error)}`)
    }
  }
  return failures
}

/** The way back from a plan of which the first so many of `steps` were begun: the steps that undo it, in order. */
export function wayBack(steps: readonly Step[], begun: number): Step[] {
  const attempted = steps.slice(0, begun)
  const late = steps.slice(begun).filter(isUndoneAnyway)
  return invert([...attempted, ...late])
}

/** Whether the way back needs this step's inverse though it was not come to, as earlier ones have its effect. */
function isUndoneAnyway(step: Step): boolean {
  // Runtime directories are made early and swept late; a firewall that is stopped takes policies along.
  return step.do === 'sweep' || (step.do === 'takeover' && step.action.kind === 'accept-policy')
}
