import type { Change } from '../../config/changes.ts'
import { printable } from '../../lib/printable.ts'
import { FORWARDING } from '../observe.ts'
import type { Step } from './step.ts'

/**
 * What one notices of a step on the networks, a line each. Nothing is said where the step's own line says it, nor
 * where there is nothing to notice.
 */
export function noticesOf(step: Step): readonly string[] {
  switch (step.do) {
    case 'networkd':
      return zonesTouched(step).map((zone) =>
        zone === 'wan' ? 'the WAN reconnects, which takes up to 5 s' : `${zone} pauses for about a second`,
      )
    case 'restart':
      if (step.impact === 'reconnect') return ['the WAN reconnects, which takes some seconds']
      return ['it is back in about a second; nothing that forwards is touched']
    case 'compose':
      return Object.entries(step.pauses).map(([service, pause]) => `${service}: ${printable(pause)}`)
    default:
      return []
  }
}

/** "wan" and the networks whose devices a step reconfigures; a device without a network by its own name. */
export function zonesTouched(step: Extract<Step, { do: 'networkd' }>): string[] {
  const devices = [...step.changed, ...step.mended]
  return [...new Set(devices.map((device) => step.zones[device] ?? device))].sort()
}

/** What a plan means for those who use the network, in one line. */
export function outcomeOf(steps: readonly Step[]): string {
  const stops = steps.some(
    (step) => step.do === 'sysctl' && FORWARDING.some((key) => key === step.key) && step.after !== '1',
  )
  if (stops) return 'Nothing is forwarded any more.'
  const touched = steps.flatMap((step) => {
    if (step.do === 'networkd') return zonesTouched(step)
    return step.do === 'restart' && step.impact === 'reconnect' ? ['wan'] : []
  })
  const zones = [...new Set(touched)]
  if (zones.length > 0) {
    const names = zones.map((zone) => (zone === 'wan' ? 'the WAN' : zone)).join(', ')
    return `Connections over ${names} may pause for some seconds; what forwards elsewhere is not touched.`
  }
  if (steps.some((step) => step.do === 'restart' && step.impact === 'reconnect'))
    return 'The WAN reconnects, within some seconds; what forwards elsewhere is not touched.'
  if (steps.some((step) => step.impact === 'restart'))
    return steps.some((step) => step.do === 'firewall')
      ? 'Forwarding goes on without a pause; what restarts is away for a moment.'
      : 'Nothing that forwards is touched; what restarts is away for a moment.'
  if (steps.some((step) => step.do === 'firewall')) return 'Forwarding goes on without a pause.'
  return 'Nothing that forwards is touched.'
}

/** What changes of router.yaml ask of people, beyond what the machine does. */
export function hintsOf(changes: readonly Change[]): string[] {
  const renumbered = changes.flatMap(({ path: [top, network, key] }) =>
    top === 'networks' && key === 'address' && network !== undefined ? [network] : [],
  )
  return renumbered.map(
    (network) => `Hosts of ${network} keep their old addresses until they ask anew: reconnect them.`,
  )
}
