import { isIPv4, isIPv6 } from 'node:net'
import type { Issue } from '../config/issue.ts'
import type { Check } from '../config/schema.ts'
import { type Stage, type Subject, stageOf } from './candidate.ts'
import { type Decision, decide, deciderText } from './decision.ts'
import { type Trial, trialsOf } from './expand-check.ts'
import { fixFor } from './fix-for.ts'
import { Twin } from './twin.ts'
import { type Outcome, type Probe, ROUTER } from './twin-spec.ts'

export type { Subject } from './candidate.ts'

/** A packet that did what it should not. */
export interface Failure {
  readonly probe: Probe
  readonly outcome: Outcome
  readonly decision: Decision
  /** Where it arrived, in words; absent when it did not. */
  readonly arrived?: string
}

export interface CheckResult {
  readonly index: number
  readonly check: Check
  readonly packets: number
  readonly failures: readonly Failure[]
}

export interface Proof {
  readonly ok: boolean
  readonly packets: number
  readonly results: readonly CheckResult[]
  /** A failed check each, with its way in router.yaml, what happened and how to mend it. */
  readonly issues: readonly Issue[]
}

/**
 * Plays the checks of a router.yaml on a twin of what it describes: with its rules in the kernel, hosts around it and
 * real packets. Touches nothing of this machine. Throws when a twin cannot be built here.
 */
export async function prove(subject: Subject): Promise<Proof> {
  if (subject.checks.length === 0) return { ok: true, packets: 0, results: [], issues: [] }
  const stage = stageOf(subject)
  const twin = await Twin.start(stage.spec)
  try {
    const results: CheckResult[] = []
    for (const [index, check] of subject.checks.entries()) {
      const trials = trialsOf(check, stage, subject)
      const failures: Failure[] = []
      let packets = 0
      for (const trial of trials) {
        const outcome = await twin.probe(trial.probe)
        // What no host could send proves nothing.
        if (outcome.result === 'unsent') continue
        packets++
        const failure = judge(twin, stage, check, trial, outcome)
        if (failure) failures.push(failure)
      }
      results.push({ index, check, packets, failures })
    }
    const issues = results.flatMap((result) => issueOf(result, subject) ?? [])
    const packets = results.reduce((sum, result) => sum + result.packets, 0)
    return { ok: issues.length === 0, packets, results, issues }
  } finally {
    await twin.stop()
  }
}

function judge(
  twin: Twin,
  stage: Stage,
  { expect }: Check,
  { probe, target }: Trial,
  outcome: Outcome,
): Failure | undefined {
  const decision = decide(outcome, twin.built.rules)
  const address = decision.after?.to ?? probe.destination
  const zone = outcome.at === undefined ? stage.zoneOf(address) : zoneAt(stage, outcome.at)
  const arrived = outcome.result === 'reached'
  const hit = arrived && zone === target.zone && (target.addresses?.includes(address) ?? true)
  // Nobody out there can answer an address of ours.
  const bare = zone === 'wan' && isIPv4(probe.source) && outcome.seenFrom === probe.source
  const unanswerable = hit && bare && stage.zoneOf(probe.source) !== 'wan' && probe.from !== ROUTER
  if (hit === (expect === 'reached') && !(expect === 'reached' && unanswerable)) return undefined
  return { probe, outcome, decision, ...(arrived && { arrived: arrivedText(zone, address, unanswerable) }) }
}

function arrivedText(zone: string, address: string, unanswerable: boolean): string {
  if (zone === ROUTER) return 'the router'
  return unanswerable ? `${address} with a source that cannot be answered` : address
}

function zoneAt(stage: Stage, host: string): string {
  return [...stage.stands.keys()].find((zone) => host === zone || host.startsWith(`${zone} `)) ?? host
}

function issueOf({ index, check, packets, failures }: CheckResult, subject: Subject): Issue | undefined {
  const [first] = failures
  if (packets === 0) {
    const message = `no packet goes from ${check.from} to ${check.to}: they have no IP version in common`
    return { path: ['checks', index], message, fix: 'write addresses of one version' }
  }
  if (!first) return undefined
  const others = failures.length - 1
  const more = others === 0 ? '' : ` (and ${others} more of ${packets} packets)`
  const word = check.expect === 'blocked' ? 'reaches' : 'does not reach'
  return {
    path: ['checks', index],
    message: `${check.from} ${word} ${check.to}: ${packetText(first.probe)} ${whatHappened(first)}${more}`,
    fix: fixFor(check, first, subject),
  }
}

/** "TCP 10.0.1.129 → 10.0.0.20 port 443". */
export function packetText({ protocol, source, destination, port }: Probe): string {
  const name = protocol === 'icmp' ? `${isIPv6(source) ? 'ICMPv6' : 'ICMP'} echo` : protocol.toUpperCase()
  return `${name} ${source} → ${destination}${port === undefined ? '' : ` port ${port}`}`
}

function whatHappened({ outcome, decision, arrived }: Failure): string {
  if (arrived !== undefined) {
    const by = decision.passedBy
    const words = by ? `, let through by ${deciderText(by)}` : ', and no rule had a word in it'
    return `arrived at ${arrived}${words}`
  }
  if (decision.refusedBy) {
    const how = outcome.result === 'refused' ? 'was refused' : 'was dropped'
    return `${how} by ${deciderText(decision.refusedBy)}`
  }
  if (outcome.trace.length === 0) return 'was lost before any rule saw it: the router does not take it'
  return 'passed the rules and did not arrive: nobody has that address, or there is no way to it'
}
