import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { intro, outro, select } from '@clack/prompts'
import { Command, Option } from 'commander'
import type { Issue } from '../config/issue.ts'
import { randomUla } from '../config/random-ula.ts'
import { HostLabel, InterfaceName } from '../config/schema.ts'
import { type Choices, type Imported, importRouter } from '../import/import-router.ts'
import type { Installation } from '../import/installation.ts'
import { readInstallation } from '../import/read-installation.ts'
import type { Entry, Report } from '../import/report.ts'
import { settle } from '../import/settle.ts'
import { type OutFile, writeImported } from '../import/write-imported.ts'
import { printable } from '../lib/printable.ts'
import { wrap } from '../lib/wrap.ts'
import { loadRouter } from '../load-router.ts'
import { usedPorts } from '../move/port-names.ts'
import { Refusal } from '../move/refusal.ts'
import { hasCode } from '../router/host.ts'
import { PATHS } from '../router/paths.ts'
import { choice, given, machineZone } from './init.ts'
import { canAsk } from './passphrase.ts'
import { hostPorts } from './ports.ts'
import { refused } from './refused.ts'
import { repeatable } from './repeatable.ts'

interface Options {
  readonly out?: string
  readonly wan?: string
  readonly interface?: readonly string[]
  readonly hostname?: string
  readonly timezone?: string
  readonly s3Endpoint?: string
  readonly leaseDatabase?: 'memfile' | 'mariadb'
  readonly softflowd?: boolean
  readonly force?: boolean
  readonly json?: boolean
}

/** `sekisho import PATH`: a router.yaml of the article's config.json, or of a folder of that installation. */
export function importCommand(): Command {
  return new Command('import')
    .description('write a router.yaml from the config.json or the folder of a docker-based-home-router')
    .argument('<path>', 'the old config.json, or a folder with it and what else there is')
    .option('-o, --out <file>', 'the file to write; secrets and leases go beside it', PATHS.config)
    .option('--wan <port>', 'the port that faces the Internet, where no file says so')
    .option('--interface <old=new>', 'a port by its old name and its name here; repeat it', repeatable)
    .option('--hostname <name>', "the router's name")
    .option('--timezone <zone>', 'IANA time zone, like Asia/Tokyo')
    .option('--s3-endpoint <url>', "an S3 server other than Amazon's")
    .addOption(
      new Option('--lease-database <kind>', 'where Kea keeps its leases').choices(['memfile', 'mariadb']),
    )
    .option('--softflowd', 'run softflowd too, though connections are recorded without it')
    .option('--force', 'also over files that are there; the old ones are kept beside them')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `
A folder may have config.json, docker-compose.yml, fluentd/fluent.conf, kea/kea-config.json, unbound/unbound.conf and a
dump of Kea's database (*.sql); and network/interfaces, network/iptables (as iptables-save writes it), ppp/peers/*,
ppp/chap-secrets, ppp/pap-secrets and rsyslog.d/*.conf, in it or below etc/. Secrets become files that root alone may
read; router.yaml names them.`,
    )
    .action(async (path: string, options: Options) => {
      try {
        process.exitCode = await run(path, options)
      } catch (error) {
        process.exitCode = refused(error)
      }
    })
}

async function run(path: string, options: Options): Promise<number> {
  const out = resolve(options.out ?? PATHS.config)
  const installation = await readInstallation(path)
  const imported = await importAsking(installation, await choicesOf(options, out))
  if (imported.kind === 'broken') return sayBroken(imported.issues, path, options.json === true)
  if (imported.kind === 'no-wan')
    throw new Refusal(
      'no file says which port faces the Internet',
      'say --wan PORT, with its name on this machine',
    )

  const { router, secrets, leases, book } = imported
  const head = [
    `Written by "sekisho import" from ${basename(path)}; the comments say where each value came from.`,
    'After a change: sekisho check, sekisho plan, sekisho apply. Every key: docs/router-yaml.md',
  ]
  const settled = await settle(router, head, judge, book)
  if (!settled.ok) return sayBroken(settled.issues, path, options.json === true)
  const files: OutFile[] = [
    ...secrets.map(({ name, text }) => ({ path: join(secretsFolder(out), name), text, mode: 0o400 })),
    ...(leases === undefined ? [] : [{ path: leasePath(out), text: leases, mode: 0o640 }]),
    { path: out, text: settled.text, mode: 0o644 },
  ]
  if (leases !== undefined && out !== PATHS.config)
    book.add('todo', leasePath(out), `copy it to ${LEASES} on the router, before the first apply`)
  const kept = await writeImported(files, options.force === true).catch(rootOnly)
  const warnings = [
    ...settled.warnings.map((issue) => `${place(issue)}${issue.message}`),
    ...missingPorts(settled.text),
  ]
  const wrote = files.map((file) => file.path)
  if (options.json)
    process.stdout.write(`${JSON.stringify({ ok: true, wrote, kept, warnings, ...book.report }, null, 2)}\n`)
  else process.stdout.write(words(book.report, { wrote, kept, warnings }))
  return 0
}

function place({ path }: Issue): string {
  return path.length > 0 ? `${path.join('.')}: ` : ''
}

function rootOnly(error: unknown): never {
  if (!hasCode(error, 'EACCES', 'EPERM', 'EROFS')) throw error
  throw new Refusal((error as Error).message, 'run it as root, or name another file with --out', {
    cause: error,
  })
}

const LEASES = `${PATHS.data}/kea/leases/kea-leases4.csv`

/** Where Kea finds them, for the router itself; beside the file else. */
function leasePath(out: string): string {
  return out === PATHS.config ? LEASES : join(dirname(out), basename(LEASES))
}

function secretsFolder(out: string): string {
  return out === PATHS.config ? PATHS.secrets : join(dirname(out), 'secrets')
}

async function choicesOf(options: Options, out: string): Promise<Choices> {
  const ports = hostPorts()
  const own = hostname().split('.')[0]?.toLowerCase() ?? ''
  const isUsable = HostLabel.safeParse(own).success && own !== 'localhost' && own !== 'debian'
  return {
    wan: options.wan,
    rename: renames(options.interface ?? []),
    hostname: options.hostname ?? (isUsable ? own : 'gateway'),
    timezone: options.timezone ?? machineZone(),
    ula: randomUla(ports[0]?.mac, new Date()),
    secretsFolder: secretsFolder(out),
    leaseDatabase: options.leaseDatabase,
    s3Endpoint: options.s3Endpoint,
    softflowd: options.softflowd,
    hasFile: (path) => existsSync(path),
  }
}

function renames(pairs: readonly string[]): Map<string, string> {
  const map = new Map<string, string>()
  for (const pair of pairs) {
    const [old = '', now = '', ...more] = pair.split('=')
    if (more.length > 0 || old === '' || !InterfaceName.safeParse(now).success)
      throw new Refusal(
        `--interface ${JSON.stringify(pair.slice(0, 60))} is not OLD=NEW`,
        'write it like --interface enp0s2=lan0',
      )
    map.set(old, now)
  }
  return map
}

/** Asks for what no file says, where there is somebody to ask. */
async function importAsking(installation: Installation, choices: Choices): Promise<Imported> {
  const imported = importRouter(installation, choices)
  if (imported.kind !== 'no-wan' || !canAsk() || !process.stdout.isTTY) return imported
  const ports = hostPorts().filter(({ name }) => !imported.lan.includes(name))
  if (ports.length === 0) return imported
  intro('sekisho import')
  const wan = given(
    await select({ message: 'Which port faces the Internet (modem, ONU)?', options: ports.map(choice) }),
  )
  if (wan === undefined) throw new Refusal('nothing was written', 'run it again, or say --wan PORT')
  outro('One file says it all from here on.')
  return importRouter(installation, { ...choices, wan })
}

/** What "sekisho check" says of a text. */
async function judge(text: string): Promise<readonly Issue[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sekisho-import-'))
  try {
    const file = join(folder, 'router.yaml')
    await writeFile(file, text, { mode: 0o600 })
    const loaded = await loadRouter(file)
    // Files that it names are written after it, or are the router's.
    return (loaded.ok ? loaded.warnings : loaded.issues).filter(
      ({ message }) => !/ is not there \(/.test(message),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Without the lines themselves: they may hold secrets. */
function sayBroken(issues: readonly Issue[], path: string, json: boolean): number {
  const lines = issues.map(({ location, message, fix }) => {
    const at = location ? `${fileOf(path, location.file)}:${location.line}: ` : ''
    return `${printable(`${at}${message}. Fix: ${fix}`)}\n`
  })
  if (json) process.stdout.write(`${JSON.stringify({ ok: false, issues }, null, 2)}\n`)
  else process.stderr.write(lines.join(''))
  return 1
}

/** A file of the old installation by the name that the user can open it with. */
function fileOf(path: string, file: string): string {
  return file === basename(path) ? path : join(path, file)
}

function missingPorts(text: string): string[] {
  const here = hostPorts().map(({ name }) => name)
  return usedPorts(text).flatMap(({ name }) =>
    here.includes(name) ? [] : [`this machine has no port ${name}: say --interface ${name}=PORT`],
  )
}

const TITLES: Readonly<Record<keyof Report, string>> = {
  carried: 'Carried over',
  left: 'Could not carry over',
  assumed: 'Assumed',
  todo: 'For you to do',
}

function words(
  report: Report,
  {
    wrote,
    kept,
    warnings,
  }: {
    readonly wrote: readonly string[]
    readonly kept: readonly string[]
    readonly warnings: readonly string[]
  },
): string {
  const sections = (Object.keys(TITLES) as (keyof Report)[]).flatMap((key) =>
    report[key].length === 0 ? [] : [`${TITLES[key]}\n${report[key].map(entryText).join('')}`],
  )
  const next = `next: sekisho check ${wrote.at(-1) === PATHS.config ? '' : (wrote.at(-1) ?? '')}`.trimEnd()
  return [
    ...sections,
    [
      ...warnings.map((warning) => `warning: ${printable(warning)}`),
      ...kept.map((path) => `what was there is now ${path}`),
      `wrote ${wrote.join(', ')}; ${next}, sekisho plan, sekisho apply`,
      '',
    ].join('\n'),
  ].join('\n')
}

function entryText({ from, what, why }: Entry): string {
  return `${wrap(`  ${from}: ${what}${why === undefined ? '' : ` → ${why}`}`, 120, '    ')}\n`
}
