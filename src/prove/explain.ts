import { formatIp, type Ip, parseIp } from '../lib/ip.ts'
import { type Decider, type Decision, decide } from './decision.ts'
import { isOwn, type Live, liveTwin, wayTo } from './live.ts'
import { Twin } from './twin.ts'
import { type Outcome, type ProbeProtocol, ROUTER, type TwinSpec } from './twin-spec.ts'

/** What is asked: may this begin? */
export interface Question {
  readonly source: Ip
  readonly destination: Ip
  readonly protocol: ProbeProtocol
  readonly port?: number
}

export interface Explanation {
  readonly source: string
  readonly destination: string
  readonly protocol: ProbeProtocol
  readonly port?: number
  readonly verdict: 'passes' | 'blocked'
  /** Whether the sender hears of it: an answer or a refusal comes back. */
  readonly answered: boolean
  /** Devices that it comes in and goes out by; "router" for the router itself. */
  readonly in: string
  readonly out: string
  /** The rule that decided; absent when none did. */
  readonly decidedBy?: Decider
  readonly translatedBy: readonly Decider[]
  /** Where it arrived, when that is not where it was sent, and the source as it was seen there. */
  readonly arrivesAt?: { readonly address: string; readonly port?: number }
  readonly seenFrom?: string
  /** Why, where no rule decided. */
  readonly because?: string
}

export interface Explained {
  readonly answers: readonly Explanation[]
  /** What has no part in the answers, in words. */
  readonly notes: readonly string[]
}

/**
 * What the rules that are loaded now would do with new connections: each is really begun, in a copy of the live rules,
 * addresses and routes in a network apart, and followed through the kernel's tables. So it is right by construction,
 * whoever wrote the rules. Nothing is sent into the live network.
 */
export async function explain(live: Live, questions: readonly Question[]): Promise<Explained> {
  const spec = liveTwin(
    live,
    questions.flatMap(({ source, destination }) => [source, destination]),
  )
  const twin = await Twin.start(spec)
  try {
    const answers: Explanation[] = []
    for (const question of questions) answers.push(await answer(twin, live, spec, question))
    return { answers, notes: [...live.notes, ...twin.built.notes] }
  } finally {
    await twin.stop()
  }
}

async function answer(twin: Twin, live: Live, spec: TwinSpec, question: Question): Promise<Explanation> {
  const { protocol, port } = question
  const source = formatIp(question.source)
  const destination = formatIp(question.destination)
  const place = (ip: Ip) => (isOwn(ip, live) ? ROUTER : (wayTo(ip, live)?.device ?? ''))
  const from = place(question.source)
  const asked = { source, destination, protocol, ...(port !== undefined && { port }) }
  const nowhere = { ...asked, verdict: 'blocked', answered: false, in: from, translatedBy: [] } as const
  if (from === '')
    return { ...nowhere, out: '', because: `no route leads to ${source}: nothing comes from there` }
  if (from !== ROUTER && from === place(question.destination))
    return {
      ...nowhere,
      verdict: 'passes',
      out: from,
      because: `both are behind ${from}: the router has no part in it`,
    }
  const known = spec.hosts.find(
    ({ device, addresses }) => device === from && addresses.some((one) => one.startsWith(`${source}/`)),
  )
  const outcome = await twin.probe({ from: known?.name ?? from, ...asked })
  const decision = decide(outcome, twin.built.rules)
  const last = decision.after
  const target = parseIp(last?.to ?? destination)
  const out = target ? place(target) : ''
  const passes = outcome.result === 'reached'
  const decidedBy = decision.refusedBy ?? (passes ? decision.passedBy : undefined)
  const moved = last !== undefined && (last.to !== destination || (port !== undefined && last.dport !== port))
  return {
    ...asked,
    verdict: passes ? 'passes' : 'blocked',
    answered: outcome.result === 'refused' || (passes && protocol !== 'udp'),
    in: from,
    out,
    ...(decidedBy && { decidedBy }),
    translatedBy: decision.translatedBy,
    ...(moved && { arrivesAt: { address: last.to, ...(port !== undefined && { port: last.dport }) } }),
    ...(outcome.seenFrom !== undefined && outcome.seenFrom !== source && { seenFrom: outcome.seenFrom }),
    ...(decidedBy === undefined && { because: whyWithoutRule(outcome, decision, from, out) }),
  }
}

/** Says what is known where no rule had the last word. */
function whyWithoutRule(
  { result, trace, error }: Outcome,
  { after }: Decision,
  from: string,
  out: string,
): string {
  if (result === 'reached')
    return from === ROUTER ? 'the router itself may send what it likes' : 'no rule refused it'
  if (result === 'unsent') return `it cannot be sent: ${error}`
  if (trace.length === 0) return 'the router does not take it: its source or destination has no way there'
  if (out === '') return `there is no route to ${after?.to}`
  return 'the rules let it pass, and there is no way on'
}
