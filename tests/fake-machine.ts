import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import type { Exec, ExecResult, Host } from '../src/router/host.ts'
import { createHost } from '../src/router/host.ts'

interface UnitState {
  enabled: boolean
  active: boolean
}

/** How the machine comes up: files and units of Debian before we arrive. */
export interface FakeOptions {
  readonly files?: Readonly<Record<string, string>>
  readonly links?: Readonly<Record<string, string>>
  readonly units?: Readonly<Record<string, UnitState>>
}

/** Operations of Host that change the machine; each can be made to fail. */
const MUTATIONS = [
  'write',
  'poke',
  'symlink',
  'hardlink',
  'rename',
  'remove',
  'removeTree',
  'removeEmpty',
  'makeDirectory',
  'own',
  'sync',
] as const

/** Programs that only look. */
const LOOKS =
  /^(systemctl show|nft --json|nft --stateless list|du |stat |docker ps|docker image |docker inspect|docker logs|ss |ip -j|journalctl)/

/**
 * A directory that plays a machine, behind the real host layer: systemd, nft, Docker and networkd are reduced to
 * what apply asks of them. `failAt` makes the n-th change fail, wherever it is.
 */
export class FakeMachine {
  readonly host: Host
  readonly units: Map<string, UnitState>
  readonly containers = new Map<string, { hash: string; state: string; status: string }>()
  readonly calls: string[] = []
  readonly root: string
  nft: string | undefined
  /** Policies of base chains of others, by "FAMILY TABLE NAME"; those of Docker have its own chains beside them. */
  readonly policies = new Map<string, string>()
  images = new Set<string>()
  changes = 0
  failAt = 0
  /** The argument vector whose line matches fails with this text. */
  refuse: { readonly pattern: RegExp; readonly says: string } | undefined

  constructor(root: string, { files = {}, links = {}, units = {} }: FakeOptions = {}) {
    this.root = root
    this.units = new Map(Object.entries(units).map(([name, state]) => [name, { ...state }]))
    for (const [path, text] of Object.entries(files)) this.put(path, text)
    for (const [path, target] of Object.entries(links)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      symlinkSync(target, join(root, path))
    }
    const real = createHost({ root, durable: false, exec: (argv) => this.#exec(argv) })
    const failing = Object.fromEntries(
      MUTATIONS.map((name) => [
        name,
        async (...args: unknown[]) => {
          this.#count(name, String(args[0]))
          return await (real[name] as (...args: unknown[]) => Promise<unknown>)(...args)
        },
      ]),
    )
    let held = false
    this.host = {
      ...real,
      ...failing,
      // Owners cannot be changed by whoever runs the tests.
      own: async (path: string, { mode }: { mode: number }) => {
        this.#count('own', path)
        await real.makeDirectory(path, mode)
      },
      lock: async () => {
        if (held) return undefined
        held = true
        return async () => {
          held = false
        }
      },
    } as Host
  }

  put(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true })
    writeFileSync(join(this.root, path), text)
  }

  text(path: string): string {
    return readFileSync(join(this.root, path), 'utf8')
  }

  delete(path: string): void {
    rmSync(join(this.root, path), { recursive: true, force: true })
  }

  #count(name: string, what: string): void {
    this.changes++
    if (this.changes === this.failAt) throw new Error(`injected: ${name} ${what}`)
  }

  /** Everything there is: paths with their text or target, units, table and containers. */
  snapshot() {
    return {
      files: this.tree(''),
      units: Object.fromEntries([...this.units].sort(([a], [b]) => (a < b ? -1 : 1))),
      nft: this.nft,
      policies: Object.fromEntries(this.policies),
      containers: Object.fromEntries([...this.containers].sort(([a], [b]) => (a < b ? -1 : 1))),
    }
  }

  tree(below: string): Record<string, string> {
    const all: Record<string, string> = {}
    for (const name of readdirSync(join(this.root, below)).sort()) {
      const path = `${below}/${name}`
      const stat = lstatSync(join(this.root, path))
      if (stat.isSymbolicLink()) all[path] = `-> ${readlinkSync(join(this.root, path))}`
      else if (stat.isDirectory()) Object.assign(all, { [`${path}/`]: '' }, this.tree(path))
      else all[path] = `${(stat.mode & 0o777).toString(8)} ${readFileSync(join(this.root, path), 'utf8')}`
    }
    return all
  }

  #exec: Exec = async (argv) => {
    const line = argv.join(' ')
    this.calls.push(line)
    if (this.refuse?.pattern.test(line)) return { code: 1, stdout: '', stderr: this.refuse.says }
    if (!LOOKS.test(line)) {
      this.changes++
      if (this.changes === this.failAt) return { code: 1, stdout: '', stderr: `injected: ${line}` }
    }
    return this.#answer(argv)
  }

  #answer(argv: readonly string[]): ExecResult {
    const [program = '', ...args] = argv
    switch (program) {
      case 'systemctl':
        return this.#systemctl(args)
      case 'nft':
        return this.#nft(args)
      case 'docker':
        return this.#docker(args)
      case 'systemd-tmpfiles':
        for (const file of args.slice(1)) this.#tmpfiles(file)
        return ok()
      default:
        return ok()
    }
  }

  #systemctl(args: readonly string[]): ExecResult {
    const [verb = '', ...rest] = args
    const names = rest.filter((arg) => !arg.startsWith('--'))
    if (verb === 'show' && rest.includes('--value'))
      return ok(this.units.get(names[0] ?? '')?.active ? 'active\n' : 'inactive\n')
    if (verb === 'show') {
      const block = (name: string) => {
        const unit = this.units.get(name)
        return [
          `Id=${name}`,
          `LoadState=${unit ? 'loaded' : 'not-found'}`,
          `ActiveState=${unit?.active ? 'active' : 'inactive'}`,
          `UnitFileState=${unit?.enabled ? 'enabled' : 'disabled'}`,
        ].join('\n')
      }
      return ok(`${names.map(block).join('\n\n')}\n`)
    }
    const name = names[0] ?? ''
    const known = this.units.get(name)
    const linked = this.exists(`/etc/systemd/system/${name}`)
    const now = rest.includes('--now')
    switch (verb) {
      case 'daemon-reload':
        for (const [unit, state] of this.units)
          if (unit.startsWith('sekisho') && !state.active && !this.exists(`/etc/systemd/system/${unit}`))
            this.units.delete(unit)
        return ok()
      case 'start':
      case 'restart':
        if (!known && !linked) return { code: 5, stdout: '', stderr: `Unit ${name} not found.` }
        this.units.set(name, { enabled: known?.enabled ?? false, active: true })
        return ok()
      case 'stop':
        if (!known) return { code: 5, stdout: '', stderr: `Unit ${name} not loaded.` }
        known.active = false
        return ok()
      case 'enable':
      case 'disable':
        if (!known) return { code: 1, stdout: '', stderr: `Unit ${name} does not exist` }
        known.enabled = verb === 'enable'
        if (now) known.active = verb === 'enable'
        return ok()
      default:
        return ok()
    }
  }

  #nft(args: readonly string[]): ExecResult {
    if (args.includes('chains')) return ok(JSON.stringify({ nftables: this.#chains() }))
    if (args[0] === 'add') {
      const policy = /policy (\w+);/.exec(args.at(-1) ?? '')?.[1] ?? ''
      this.policies.set(args.slice(2, 5).join(' '), policy)
      return ok()
    }
    if (args.includes('list'))
      return this.nft === undefined
        ? { code: 1, stdout: '', stderr: 'No such file' }
        : ok(JSON.stringify({ nft: this.nft }))
    if (args[0] === '--check') return ok()
    if (args[0] === '-f') this.nft = readFileSync(join(this.root, args[1] ?? ''), 'utf8')
    if (args[0] === 'delete') {
      if (this.nft === undefined) return { code: 1, stdout: '', stderr: 'No such file or directory' }
      this.nft = undefined
    }
    return ok()
  }

  #chains(): object[] {
    return [...this.policies].flatMap(([place, policy]) => {
      const [family, table, name = ''] = place.split(' ')
      const base = { family, table, name, type: 'filter', hook: name.toLowerCase(), prio: 0, policy }
      const dockers = table === 'filter' ? [{ chain: { family, table, name: 'DOCKER-USER' } }] : []
      return [{ chain: base }, ...dockers]
    })
  }

  #docker(args: readonly string[]): ExecResult {
    if (args[0] === 'ps') {
      const rows = [...this.containers].map(([name, { hash, state, status }]) =>
        args.includes('--no-trunc')
          ? `id-${name}\t${state}\t${status}\t${name}\t${hash}`
          : `sekisho-${name}-1\t${state}\t${status}`,
      )
      return ok(rows.join('\n'))
    }
    if (args[0] === 'image') return ok([...this.images].join('\n'))
    if (args[0] !== 'compose') return ok()
    if (args.includes('down')) this.containers.clear()
    if (args.includes('up')) {
      const text = readFileSync(join(this.root, args[args.indexOf('--file') + 1] ?? ''), 'utf8')
      const { services } = parse(text) as { services: Record<string, unknown> }
      this.containers.clear()
      for (const [name, service] of Object.entries(services))
        this.containers.set(name, {
          hash: JSON.stringify(service),
          state: 'running',
          status: 'Up 1 second (healthy)',
        })
    }
    return ok()
  }

  #tmpfiles(file: string): void {
    // The link leads to /etc/sekisho/current/…, which is below our own root.
    const text = readFileSync(join(this.root, readlinkSync(join(this.root, file))), 'utf8')
    for (const [, kind, path = ''] of text.matchAll(/^([df]) (\S+) /gm)) {
      if (kind === 'd') mkdirSync(join(this.root, path), { recursive: true })
      else this.put(path, 'nameserver 127.0.0.1\n')
    }
  }

  exists(path: string): boolean {
    try {
      lstatSync(join(this.root, path))
      return true
    } catch {
      return false
    }
  }
}

function ok(stdout = ''): ExecResult {
  return { code: 0, stdout, stderr: '' }
}
