import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { parse } from '../config/parse.ts'
import { RouterConfig } from '../config/schema.ts'
import type { Decider } from '../prove/decision.ts'
import { type Explained, type Explanation, explain, type Question } from '../prove/explain.ts'
import { findParty, type Known, type KnownDevice, type Party, partyText } from '../prove/find-party.ts'
import { type Live, observeLive } from '../prove/live.ts'
import type { ProbeProtocol } from '../prove/twin-spec.ts'
import { overviewOf } from '../recorder/devices/overview.ts'
import { parseState } from '../recorder/devices/state.ts'
import { createHost } from '../router/host.ts'
import type { Router } from '../router/model.ts'
import { normalise } from '../router/normalise.ts'
import { PATHS } from '../router/paths.ts'
import { partyInDns } from './party-in-dns.ts'

/** `sekisho explain`: exit 0 when it passes, 4 when it is blocked, 1 when it cannot tell. */
export function explainCommand(): Command {
  return new Command('explain')
    .description('what the live firewall does with a new connection, by which rule, and why')
    .argument('<source>', 'an address, a device, a name of DNS, a network, wan, containers or router')
    .argument('<destination>', 'the same')
    .argument('[protocol]', 'tcp, udp or icmp', 'icmp')
    .argument('[port]', 'the destination port')
    .option('--json', 'for programs')
    .action(
      async (
        source: string,
        destination: string,
        protocol: string,
        port: string | undefined,
        options: Options,
      ) => {
        process.exitCode = await run([source, destination], protocol, port, options)
      },
    )
}

interface Options {
  readonly json?: boolean
}

async function run(
  [source, destination]: readonly [string, string],
  protocolText: string,
  portText: string | undefined,
  { json }: Options,
): Promise<number> {
  const protocol = protocolOf(protocolText.toLowerCase())
  const port = portText === undefined ? undefined : Number(portText)
  const wrong = problemOf(protocol, protocolText, port, portText)
  if (wrong !== undefined || protocol === undefined) return fail(wrong ?? '')
  if (process.getuid?.() !== 0) return fail('the kernel shows its rules to root only. Fix: run it as root')
  const host = createHost()
  let live: Live
  try {
    live = await observeLive(host.exec, (path) => host.read(path))
  } catch (error) {
    return fail(`this machine cannot be looked at: ${error instanceof Error ? error.message : String(error)}`)
  }
  const router = await routerInUse()
  const known = { live, router, devices: await knownDevices() }
  const named = await partiesInDns([source, destination], known)
  const endOf = (word: string, other?: Party) => named.get(word) ?? findParty(word, other, known)
  // Who is asked for "router" first has no other end yet: the second is found without it.
  const far = endOf(destination)
  const from = endOf(source, typeof far === 'string' ? undefined : far)
  if (typeof from === 'string') return fail(from)
  const to = endOf(destination, from)
  if (typeof to === 'string') return fail(to)
  const questions = (['v4', 'v6'] as const).flatMap((version): Question[] => {
    const [one, two] = [from[version], to[version]]
    return one && two
      ? [{ source: one, destination: two, protocol, ...(port !== undefined && { port }) }]
      : []
  })
  if (questions.length === 0)
    return fail(
      `${source} and ${destination} have no IP version in common. Fix: write addresses of one version`,
    )
  let explained: Explained
  try {
    explained = await explain(live, questions)
  } catch (error) {
    return fail(`the live rules cannot be copied: ${error instanceof Error ? error.message : String(error)}`)
  }
  const { answers, notes } = explained
  const zones = zonesOf(router)
  process.stdout.write(
    json
      ? `${JSON.stringify({ answers: answers.map((one) => ({ ...one, from: zones(one.in), to: zones(one.out) })), notes }, null, 2)}\n`
      : answers.map((one, i) => answerText(one, questions[i], [from, to], zones)).join('\n') +
          notes.map((note) => `! ${note}\n`).join(''),
  )
  return answers.every(({ verdict }) => verdict === 'passes') ? 0 : 4
}

/** Those of the words that mean nobody here, and somebody in DNS. */
async function partiesInDns(words: readonly string[], known: Known): Promise<Map<string, Party>> {
  const strange = words.filter((word) => typeof findParty(word, undefined, known) === 'string')
  const found = await Promise.all(strange.map(partyInDns))
  return new Map(found.flatMap((party) => (party ? [[party.label, party]] : [])))
}

function fail(message: string): number {
  process.stderr.write(`${message}\n`)
  return 1
}

function protocolOf(text: string): ProbeProtocol | undefined {
  return text === 'tcp' || text === 'udp' || text === 'icmp' ? text : undefined
}

function problemOf(
  protocol: ProbeProtocol | undefined,
  text: string,
  port: number | undefined,
  portText: string | undefined,
): string | undefined {
  if (protocol === undefined) return `${JSON.stringify(text)} is not tcp, udp or icmp. Fix: write one of them`
  if (protocol === 'icmp') return port === undefined ? undefined : 'ICMP has no ports. Fix: write tcp or udp'
  if (port === undefined) return `${protocol} needs a port. Fix: add one, like 443`
  const good = /^\d{1,5}$/.test(portText ?? '') && port >= 1 && port <= 65_535
  return good ? undefined : `${JSON.stringify(portText)} is no port. Fix: write a number from 1 to 65535`
}

/** The router whose generation is in use, without its modules; undefined when its file cannot be read any more. */
async function routerInUse(): Promise<Router | undefined> {
  for (const file of [join(PATHS.current, 'router.yaml'), PATHS.config]) {
    try {
      const config = RouterConfig.safeParse(parse(await readFile(file), file).source?.value)
      if (config.success) return normalise(config.data)
    } catch {
      // The next one, or none: addresses can be asked for without.
    }
  }
  return undefined
}

/** Devices that the recorder or the DHCP server knows. */
async function knownDevices(): Promise<KnownDevice[]> {
  const recorded = await orNothing(async () => {
    const state = parseState(await readFile(join(PATHS.run, 'recorder/devices.json'), 'utf8'))
    return overviewOf(state, false).map(({ device, macAddress, addresses }) => ({
      ...(device !== undefined && { name: device }),
      mac: macAddress,
      addresses,
    }))
  })
  const leased = await orNothing(async () => {
    const clients: { leases: { name?: string; macAddress: string; address: string }[] } = JSON.parse(
      await readFile(join(PATHS.run, 'agent/clients.json'), 'utf8'),
    )
    return clients.leases.map(({ name, macAddress, address }) => ({
      ...(name !== undefined && { name }),
      mac: macAddress,
      addresses: [address],
    }))
  })
  return [...recorded, ...leased]
}

async function orNothing<T>(work: () => Promise<T[]>): Promise<T[]> {
  try {
    return await work()
  } catch {
    return []
  }
}

function zonesOf(router: Router | undefined): (device: string) => string {
  const names = new Map([
    ...(router ? [[router.wan.device, 'wan'] as const] : []),
    ...(router?.networks ?? []).map(({ device, name }) => [device, name] as const),
  ])
  return (device) => names.get(device) ?? (/^(docker0$|br-)/.test(device) ? 'containers' : device)
}

function answerText(
  answer: Explanation,
  question: Question | undefined,
  [from, to]: readonly [Party, Party],
  zones: (device: string) => string,
): string {
  if (!question) return ''
  const { protocol, port, verdict, answered, decidedBy, because, translatedBy, arrivesAt, seenFrom } = answer
  const what = protocol === 'icmp' ? 'ping' : `${protocol.toUpperCase()} port ${port}`
  const end = (device: string) => {
    const zone = zones(device)
    return zone === device || device === '' ? device || 'nowhere' : `${zone} (${device})`
  }
  const outcome =
    verdict === 'passes'
      ? arrivesAt
        ? `passes, to ${arrivesAt.address}${arrivesAt.port === undefined ? '' : ` port ${arrivesAt.port}`}`
        : 'passes'
      : answered
        ? 'blocked: refused at once'
        : 'blocked: no answer'
  const lines: [string, string][] = [
    ['way', `${end(answer.in)} → ${end(answer.out)}`],
    ...(decidedBy ? ruleLines(decidedBy) : [['because', because ?? ''] satisfies [string, string]]),
    ...translatedBy.map((by): [string, string] => ['translated', oneLine(by)]),
    ...(seenFrom === undefined ? [] : [['seen from', seenFrom] satisfies [string, string]]),
  ]
  const head = `${partyText(from, question.source)} → ${partyText(to, question.destination)}, ${what}: ${outcome}\n`
  return head + lines.map(([name, text]) => `  ${name.padEnd(10)}  ${text}\n`).join('')
}

function ruleLines(by: Decider): [string, string][] {
  const where =
    by.table === 'sekisho' ? `chain ${by.chain}` : `table ${by.family} ${by.table}, chain ${by.chain}`
  return [
    ['rule', `${where}: ${by.rule}`],
    ...(by.module === undefined ? [] : [['module', by.module] satisfies [string, string]]),
    ...(by.reason === undefined ? [] : [['reason', reasonOf(by)] satisfies [string, string]]),
  ]
}

/** The last rule of a zone is where all ends that no entry of router.yaml and no module wanted. */
function reasonOf({ module, reason = '' }: Decider): string {
  return module === 'core' && reason.startsWith('everything else')
    ? `${reason}: nothing in router.yaml lets it pass`
    : reason
}

function oneLine({ module, reason, chain, rule }: Decider): string {
  return `${module === undefined ? '' : `${module}: ${reason} `}(chain ${chain}: ${rule})`
}
