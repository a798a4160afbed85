import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { loadRouter } from '../../src/load-router.ts'
import { MODULES } from '../../src/modules.ts'
import { CAPABILITIES } from '../../src/router/module.ts'

const ROOT = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'sekisho-modules-'))
afterAll(() => rmSync(folder, { recursive: true }))

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** The fenced blocks of a README, in order. */
function blocks(markdown: string, language: string): string[] {
  return [...markdown.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    (match) => match[1] ?? '',
  )
}

async function load(text: string): Promise<Awaited<ReturnType<typeof loadRouter>>> {
  const file = join(folder, 'router.yaml')
  writeFileSync(file, text)
  return loadRouter(file)
}

interface Checked {
  readonly ok: boolean
  readonly issues: readonly { readonly message: string; readonly location?: { readonly line: number } }[]
}

/** Runs the CLI itself on this text: how a user's module is imported is Node's business, not the test runner's. */
function sekisho(text: string, ...args: string[]): string {
  const file = join(folder, 'router.yaml')
  writeFileSync(file, text)
  const argv = [join(ROOT, 'src/cli/main.ts'), ...args.map((arg) => (arg === 'FILE' ? file : arg))]
  const { stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
  if (stdout === '') throw new Error(stderr)
  return stdout
}

function check(text: string): Checked {
  return JSON.parse(sekisho(text, 'check', '--json', 'FILE')) as Checked
}

/** A whole router.yaml from a README's example, which may be its modules only. */
function whole(example: string): string {
  const home = parse(read('examples/home.yaml')) as { modules: object }
  const part = parse(example) as { modules?: object; version?: number }
  return part.version === undefined
    ? stringify({ ...home, modules: { ...home.modules, ...part.modules } })
    : example
}

describe('modules', () => {
  test('the list is the folders', () => {
    const folders = readdirSync(join(ROOT, 'src/modules'))
    expect(MODULES.map((module) => module.name)).toEqual(folders.sort())
  })

  test.each(MODULES.map((module) => [module.name, module] as const))(
    '%s keeps the contract',
    (name, module) => {
      expect(name).toMatch(/^[a-z][a-z0-9-]{0,19}$/)
      expect(module.summary).toMatch(/^[A-Z].*[^.]$/)
      // `kea: {}` must be enough: every key has a default.
      expect(module.config.safeParse({}).success).toBe(true)
      expect(module.config.safeParse({ no_such_key: 1 }).success).toBe(false)
      for (const capability of module.requires ?? []) expect(CAPABILITIES).toContain(capability)
    },
  )

  test.each(MODULES.map((module) => module.name))(
    'the examples in the README of %s compile',
    async (name) => {
      const examples = blocks(read(`src/modules/${name}/README.md`), 'yaml')
      expect(examples.length).toBeGreaterThan(0)
      for (const example of examples) {
        const loaded = await load(whole(example))
        expect(loaded.ok ? [] : loaded.issues).toEqual([])
      }
    },
  )

  test('services: named after their module, healthy or not, with only the rights they name', async () => {
    const loaded = await load(read('examples/home.yaml'))
    if (!loaded.ok) throw new Error('examples/home.yaml is not valid')
    const compose = loaded.desired.files.find((file) => file.path === 'compose.yaml')
    const project = parse(compose?.text ?? '') as { services: Record<string, Record<string, unknown>> }
    expect(Object.keys(project.services)).toEqual([
      'chrony',
      'dashboard',
      'kea',
      'recorder',
      'unbound',
      'watch',
    ])
    for (const service of Object.values(project.services)) {
      expect(service).toMatchObject({
        cap_drop: ['ALL'],
        read_only: true,
        security_opt: ['no-new-privileges:true'],
        restart: 'unless-stopped',
      })
      expect(service.healthcheck).toBeDefined()
    }
  })
})

describe("the README's own module", () => {
  const readme = read('README.md')

  test('is the one in examples/', () => {
    const files = { 'module.ts': 'ts', Dockerfile: 'dockerfile', 'server.js': 'js' }
    for (const [file, language] of Object.entries(files)) {
      expect(blocks(readme, language)).toContain(read(`examples/modules/hello/${file}`))
    }
  })

  test('loads by its path, opens what it says and nothing from the WAN', async () => {
    cpSync(join(ROOT, 'examples/modules/hello'), join(folder, 'modules/hello'), { recursive: true })
    const [first = '', ...others] = blocks(readme, 'yaml')
    const modules = others.find((block) => block.startsWith('modules:')) ?? ''
    expect(await load(first)).toMatchObject({ ok: true })
    const text = whole(modules)
    expect(sekisho(text, 'show', '-f', 'FILE', 'modules/hello/greeting.txt')).toBe('good morning\n')
    const rules = sekisho(text, 'show', '-f', 'FILE', 'sekisho.nft')
    expect(rules).toContain('hello: the greeting')
    expect(sekisho(text, 'show', '-f', 'FILE', 'compose.yaml')).toMatch(
      /image: "sekisho\/hello:[0-9a-f]{12}"/,
    )
  })

  test.each([
    ['no folder', './missing', 'does not exist'],
    ['a folder that is another module', './other', 'is the module "hello"'],
    ['a module that throws', './broken', 'does not load'],
    ['a module that exports nothing', './empty', 'exports no module'],
  ])('%s is an issue at its path', (_, path, message) => {
    for (const [name, source] of [
      ['broken', 'throw new Error("no")'],
      ['empty', 'export const x = 1'],
    ] as const) {
      cpSync(join(ROOT, 'examples/modules/hello'), join(folder, name), { recursive: true })
      writeFileSync(join(folder, name, 'module.ts'), source)
    }
    cpSync(join(ROOT, 'examples/modules/hello'), join(folder, 'other'), { recursive: true })
    const checked = check(whole(`modules:\n  mine:\n    path: ${path}\n`))
    expect(checked.issues).toHaveLength(1)
    expect(checked.issues[0]?.message).toContain(message)
    expect(checked.issues[0]?.location?.line).toBeGreaterThan(1)
  })
})

describe('what only shows when all modules are seen', () => {
  const port = (name: string) => `
import { defineModule } from 'sekisho'
import { z } from 'zod'
export const it = defineModule({
  name: '${name}',
  summary: 'Holds a port',
  config: z.strictObject({}),
  build: () => ({
    files: [], openings: [], logs: [], data: [],
    services: [{ name: '${name}', image: 'example.org/x:1', network: 'host',
      listens: [{ protocol: 'udp', port: 53 }], health: { test: ['true'] } }],
  }),
})`

  test('two modules on one port', () => {
    cpSync(join(ROOT, 'examples/modules/hello'), join(folder, 'porter'), { recursive: true })
    writeFileSync(join(folder, 'porter', 'module.ts'), port('porter'))
    const checked = check(whole('modules:\n  porter:\n    path: ./porter\n'))
    expect(checked.ok).toBe(false)
    expect(checked.issues.map((issue) => issue.message)).toEqual([
      expect.stringContaining('listens on udp port 53'),
    ])
    expect(checked.issues[0]?.location).toBeDefined()
  })

  test('a dhcp section that no module serves', async () => {
    const { kea: _, ...modules } = parse(read('examples/home.yaml')).modules
    const loaded = await load(stringify({ ...parse(read('examples/home.yaml')), modules }))
    expect(loaded.ok && loaded.warnings).toMatchObject([
      { path: ['networks', 'home', 'dhcp'], severity: 'warning' },
    ])
  })
})
