import { existsSync } from 'node:fs'
import { link, mkdir, rename, unlink, writeFile } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { dirname, resolve } from 'node:path'
import { confirm, intro, isCancel, multiselect, outro, select, text } from '@clack/prompts'
import { Command } from 'commander'
import type { z } from 'zod'
import { formatIssues } from '../config/format.ts'
import { randomUla } from '../config/random-ula.ts'
import { HostLabel, Ipv4Cidr, PppUsername } from '../config/schema.ts'
import { freeAddress, PASSWORD_FILE, starterText } from '../config/starter.ts'
import { validate } from '../config/validate.ts'
import { parseCidr } from '../lib/ip.ts'
import { MODULES } from '../modules.ts'
import { type HostPort, hostPorts } from './ports.ts'
import { routerFile } from './report.ts'

interface InitOptions {
  readonly wan?: string
  readonly pppoe?: string
  readonly lan?: readonly string[]
  readonly hostname?: string
  readonly timezone?: string
  readonly address?: string
  readonly output?: string
  readonly yes?: boolean
  readonly force?: boolean
}

interface Answers {
  readonly wan: string
  /** For PPPoE. */
  readonly username?: string | undefined
  readonly lan: readonly string[]
  readonly hostname: string
  readonly timezone: string
  readonly address: string
}

/** `sekisho init`: asks which port is which and writes a commented router.yaml, never over an existing one. */
export function initCommand(): Command {
  return new Command('init')
    .description('ask which port is which and write a commented router.yaml')
    .option('--wan <port>', 'the port that faces the Internet')
    .option('--pppoe <username>', 'the provider connects by PPPoE, with this user name')
    .option('--lan <port...>', 'the ports of the home network; several are bridged')
    .option('--hostname <name>', "the router's name")
    .option('--timezone <zone>', 'IANA time zone, like Europe/Paris')
    .option('--address <address>', "the router's address at home, like 10.0.0.1/24")
    .option('-o, --output <file>', 'the file to write')
    .option('-y, --yes', 'ask nothing: take the options and the defaults')
    .option('--force', 'write over an existing file')
    .action(async (options: InitOptions) => {
      const file = options.output ?? routerFile(undefined)
      process.exitCode = await init(file, options)
    })
}

class Refused extends Error {}

async function init(file: string, options: InitOptions): Promise<number> {
  try {
    if (existsSync(file) && !options.force) {
      throw new Refused(`${file} exists. Fix: name another file with -o, or say --force`)
    }
    const ports = hostPorts()
    const answers = options.yes ? fromOptions(options, ports) : await ask(options, ports)
    if (!answers) return 1
    const mac = ports.find((port) => port.name === answers.wan)?.mac
    const body = starterText({ ...answers, ula: randomUla(mac, new Date()), modules: MODULES })
    const result = validate(body, file, MODULES)
    if (!result.ok) {
      process.stderr.write(formatIssues(result.issues, body, { color: process.stderr.isTTY }))
      throw new Refused(`${file} was not written. Fix: answer with other values`)
    }
    process.stderr.write(formatIssues(result.warnings, body, { color: process.stderr.isTTY }))
    for (const name of [answers.wan, ...answers.lan]) {
      if (!ports.some((port) => port.name === name))
        process.stderr.write(`warning: this machine has no port ${name}\n`)
    }
    await write(file, body, options.force === true)
    const first = answers.username === undefined ? '' : `the password into ${PASSWORD_FILE}, chmod 400, `
    process.stdout.write(`wrote ${file}; next: ${first}sekisho check, sekisho plan, sekisho apply\n`)
    return 0
  } catch (error) {
    if (!(error instanceof Refused) && !(error instanceof Error && 'syscall' in error)) throw error
    process.stderr.write(`${error.message}\n`)
    return 1
  }
}

function fromOptions(options: InitOptions, ports: readonly HostPort[]): Answers {
  const { wan, lan } = options
  if (wan === undefined || lan === undefined || lan.length === 0) {
    const have =
      ports.length > 0
        ? `this machine has ${ports.map((port) => port.name).join(', ')}`
        : 'none was found here'
    throw new Refused(`--yes needs the ports. Fix: say --wan PORT --lan PORT (${have})`)
  }
  return { ...defaults(options, wan), wan, lan, username: options.pppoe }
}

function defaults(
  options: InitOptions,
  wan: string | undefined,
): Pick<Answers, 'hostname' | 'timezone' | 'address'> {
  const name = hostname().split('.')[0]?.toLowerCase() ?? ''
  const usable = HostLabel.safeParse(name).success && name !== 'localhost' && name !== 'debian'
  return {
    hostname: options.hostname ?? (usable ? name : 'gateway'),
    timezone: options.timezone ?? machineZone(),
    address: options.address ?? freeAddress(upstream(wan)),
  }
}

export function machineZone(): string {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  return zone === undefined || zone === 'Etc/UTC' || zone === 'Etc/Unknown' ? 'UTC' : zone
}

/** The prefixes on the future WAN port: a router behind a router must not take the same network. */
function upstream(wan: string | undefined): NonNullable<ReturnType<typeof parseCidr>>['prefix'][] {
  const addresses = wan === undefined ? [] : (networkInterfaces()[wan] ?? [])
  return addresses.flatMap(({ cidr }) => (cidr === null ? [] : (parseCidr(cidr)?.prefix ?? [])))
}

async function ask(options: InitOptions, ports: readonly HostPort[]): Promise<Answers | undefined> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new Refused('there is no terminal to ask on. Fix: say --yes --wan PORT --lan PORT')
  }
  if (ports.length < 2 && (options.wan === undefined || options.lan === undefined)) {
    throw new Refused(
      `a router needs two network ports, and this machine has ${ports.length}. Fix: add one, or say --wan PORT --lan PORT`,
    )
  }
  intro('sekisho init')
  const wan =
    options.wan ??
    given(
      await select({ message: 'Which port faces the Internet (modem, ONU)?', options: ports.map(choice) }),
    )
  if (wan === undefined) return undefined
  const username = options.pppoe ?? (await askUsername())
  if (username === undefined) return undefined
  const rest = ports.filter((port) => port.name !== wan)
  const lan =
    options.lan ??
    given(
      await multiselect({
        message: 'Which ports belong to the home network? (space chooses; several are bridged)',
        options: rest.map(choice),
        initialValues: rest.length === 1 ? rest.map((port) => port.name) : [],
        required: true,
      }),
    )
  if (lan === undefined) return undefined
  const first = defaults(options, wan)
  const name =
    options.hostname ??
    given(
      await text({
        message: "The router's name?",
        initialValue: first.hostname,
        validate: refuse(HostLabel),
      }),
    )
  if (name === undefined) return undefined
  const timezone =
    options.timezone ?? given(await text({ message: 'Time zone?', initialValue: first.timezone }))
  if (timezone === undefined) return undefined
  const address =
    options.address ??
    given(
      await text({
        message: "The router's address at home?",
        initialValue: first.address,
        validate: refuse(Ipv4Cidr),
      }),
    )
  if (address === undefined) return undefined
  const sure = given(
    await confirm({ message: `WAN ${wan}, home ${lan.join(' + ')} at ${address}: write the file?` }),
  )
  if (!sure) return undefined
  outro('One file says it all from here on.')
  return { wan, ...(username !== '' && { username }), lan, hostname: name, timezone, address }
}

/** The provider's user name, empty for none; undefined when the question was cancelled. */
async function askUsername(): Promise<string | undefined> {
  const how = given(
    await select({
      message: 'How does the provider connect you?',
      options: [
        { value: 'dhcp', label: 'by itself (DHCP)' },
        { value: 'pppoe', label: 'with a user name and a password (PPPoE)' },
      ],
    }),
  )
  if (how === undefined || how === 'dhcp') return how && ''
  return given(await text({ message: 'The user name?', validate: refuse(PppUsername) }))
}

/** The answer, or undefined when the question was cancelled (clack gives a symbol then). */
export function given<T>(answer: T): Exclude<T, symbol> | undefined {
  return isCancel(answer) ? undefined : (answer as Exclude<T, symbol>)
}

function refuse(schema: z.ZodType): (value: string | undefined) => string | undefined {
  return (value) => {
    const issue = schema.safeParse(value ?? '').error?.issues[0]
    return issue && `write ${issue.message}`
  }
}

/** A port as an answer to choose, with what tells it from the others. */
export function choice({ name, mac, link, speed, wireless }: HostPort): { value: string; label: string } {
  const state = link === 'unknown' ? 'switched off: cable unknown' : link
  const words = [state, speed === undefined ? '' : `${speed} Mbit/s`, wireless ? 'wireless' : '', mac]
  const label = `${name.padEnd(15)} ${words.filter((word) => word !== '').join(', ')}`
  return { value: name, label }
}

/** Writes beside the place and links it there: a reader never sees half a file, and nobody's file is lost. */
async function write(file: string, body: string, force: boolean): Promise<void> {
  const path = resolve(file)
  await mkdir(dirname(path), { recursive: true })
  const beside = `${path}.${process.pid}.tmp`
  await writeFile(beside, body, { mode: 0o644, flag: 'wx' })
  try {
    if (force) await rename(beside, path)
    else await link(beside, path)
  } finally {
    await unlink(beside).catch(() => undefined)
  }
}
