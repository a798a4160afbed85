import { inOrder } from './order.ts'
import type { Step } from './step.ts'

/** The plan's steps undone, in the order in which that is done. */
export function invert(steps: readonly Step[]): Step[] {
  return inOrder(steps.toReversed().map(inverse))
}

function inverse(step: Step): Step {
  const { owner, impact } = step
  const common = { owner, impact, says: `back: ${step.says}` }
  switch (step.do) {
    case 'stop':
      return step.idle ? { ...common, ...step } : { ...common, do: 'start', unit: step.unit }
    case 'start':
      return { ...common, do: 'stop', unit: step.unit }
    case 'takeover':
      return { ...common, do: 'takeover', action: step.action, undo: !step.undo }
    case 'place': {
      const { before, after, path, saved } = step
      return {
        ...common,
        do: 'place',
        path,
        ...(after && { before: after }),
        ...(before && { after: before }),
        ...(saved && { saved }),
      }
    }
    case 'merge': {
      const { before, after, savedBefore, savedAfter, path } = step
      return {
        ...common,
        do: 'merge',
        path,
        ...(after !== undefined && { before: after }),
        ...(before !== undefined && { after: before }),
        ...(savedAfter && { savedBefore: savedAfter }),
        ...(savedBefore && { savedAfter: savedBefore }),
      }
    }
    case 'sysctl': {
      const { key, before, after, ownedBefore, ownedAfter, others } = step
      return {
        ...common,
        do: 'sysctl',
        key,
        before: after,
        after: before,
        ownedBefore: ownedAfter,
        ownedAfter: ownedBefore,
        others,
      }
    }
    case 'volume':
    case 'file':
    case 'current': {
      const { before, after, ...rest } = step
      return {
        ...rest,
        ...common,
        ...(after !== undefined && { before: after }),
        ...(before !== undefined && { after: before }),
      } as Step
    }
    case 'hostname': {
      const { before, after, ownedBefore, ownedAfter } = step
      const owned = { ownedBefore: ownedAfter, ownedAfter: ownedBefore }
      return { ...common, do: 'hostname', before: after, after: before, ...owned }
    }
    case 'networkd':
    case 'firewall':
    case 'compose':
    case 'sweep':
    case 'down':
      return { ...step, ...common, before: step.after, after: step.before } as Step
    case 'images':
    case 'restart':
    case 'systemd-reload':
    case 'tmpfiles':
    case 'modules':
    case 'docker-start':
    case 'docker-restart':
      return { ...step, ...common }
  }
}
