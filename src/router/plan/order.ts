import { FORWARDING } from '../observe.ts'
import type { Action, Step } from './step.ts'

const PHASES: readonly Action['do'][] = [
  'images',
  'volume',
  'stop',
  'down',
  'file',
  'current',
  'place',
  'merge',
  'systemd-reload',
  'takeover',
  'tmpfiles',
  'modules',
  'hostname',
  // Before the links: a new one inherits from "default".
  'sysctl',
  'networkd',
  'firewall',
  'docker-start',
  'docker-restart',
  'restart',
  'start',
  'compose',
  'sweep',
]

/** Puts steps into the order in which they are done; undoing a takeover waits until networkd has let go. */
export function inOrder(steps: readonly Step[]): Step[] {
  const rank = (step: Step) => {
    // Packets are forwarded only while the firewall is there.
    if (step.do === 'takeover' && step.action.kind === 'accept-policy')
      return PHASES.indexOf('firewall') + (step.undo ? -0.25 : 0.5)
    if (step.do === 'takeover' && step.undo) return PHASES.indexOf('networkd') + 0.5
    if (step.do === 'sysctl' && isForwarding(step.key))
      return PHASES.indexOf('firewall') + (step.ownedAfter ? 0.5 : -0.5)
    // While their files and Docker's settings are still there.
    if (step.do === 'compose' && !step.after) return -1
    // What is left of us until then can be found by it.
    if (step.do === 'current' && step.after === undefined) return PHASES.length
    return PHASES.indexOf(step.do)
  }
  return steps.toSorted((a, b) => rank(a) - rank(b))
}

export function isForwarding(key: string): boolean {
  return FORWARDING.some((own) => own === key)
}
