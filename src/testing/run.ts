import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { z } from 'zod'
import { ensurePackages } from '../build/debian.ts'

/** What a part of the test run came to; `failed` counts skipped tests and files that did not load as well. */
interface Tally {
  readonly passed: number
  readonly failed: number
  /** Which failed, for people who see the end of the output only. */
  readonly names: readonly string[]
}

const ROOT = new URL('../..', import.meta.url).pathname
const BIN = join(ROOT, 'node_modules')

/** The linters; each is one test. */
const LINTERS: Readonly<Record<string, readonly string[]>> = {
  biome: ['@biomejs/biome/bin/biome', 'check', '.'],
  oxlint: ['oxlint/bin/oxlint', '--type-aware', '--deny-warnings', 'src', 'tests', 'bench'],
  tsc: ['typescript/bin/tsc', '--noEmit'],
  // What runs in a browser has its types, and no others.
  app: ['typescript/bin/tsc', '--noEmit', '--project', 'src/dashboard/app'],
  knip: ['knip/bin/knip.js'],
}

/** The projects of vitest.config.ts with their files, quick ones first. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  unit: ['src/**/*.test.ts', 'tests/unit/**/*.test.ts'],
  parts: ['tests/parts/**/*.test.ts'],
  lab: ['tests/lab/**/*.test.ts'],
  bare: ['tests/bare/**/*.test.ts'],
  vm: ['tests/vm/**/*.test.ts'],
}
const PROJECTS = Object.keys(FILES)

/**
 * What of the virtual machine's tests is part of every run: emulated, they take longer than all the others together.
 * They measure no time.
 */
const VM_ALWAYS = ['tests/vm/boot.test.ts']

/** In a whole run these are beside the others, one after the other. */
const BESIDE = ['vm', 'bare']

/** What the tests of single parts run on this machine; the lab brings its own. */
const TOOLS = ['nftables', 'iptables', 'iproute2', 'util-linux', 'iputils-ping', 'procps', 'systemd', 'tar']

export interface TestOptions {
  /**
   * Part names: lint, a linter, unit, parts, lab, bare, vm, or part of a test file's path. None means everything, but of
   * the virtual machine (vm) only boots.
   */
  readonly names: readonly string[]
  /** Run all of the virtual machine's tests, and large counts of the others (hundreds of applies, restarts, boots). */
  readonly full: boolean
}

/** Runs the tests asked for and prints the closing line "N passed, N failed"; returns the exit code. */
export async function runTests({ names, full }: TestOptions): Promise<number> {
  // A lab of its own, so that the one a developer looks at stays as it is.
  const lab = process.env.SEKISHO_LAB ?? `test-${process.pid}`
  const env = { ...process.env, SEKISHO_LAB: lab, ...(full && { SEKISHO_FULL: '1' }) }
  await ensurePackages(TOOLS, (line) => process.stdout.write(`${line}\n`))
  const tallies: Tally[] = []
  const everything = names.length === 0
  const besides = everything ? BESIDE.filter((project) => !full || project !== 'vm') : []
  const beside = runBeside(besides, env)
  // What it fails with is thrown where it is awaited.
  beside.catch(() => {})
  for (const [name, argv] of Object.entries(LINTERS)) {
    if (names.length > 0 && !names.includes('lint') && !names.includes(name)) continue
    process.stdout.write(`\n== ${name}\n`)
    const clean = (await run(argv, env)) === 0
    tallies.push({ passed: clean ? 1 : 0, failed: clean ? 0 : 1, names: clean ? [] : [name] })
  }
  const filters = names.filter((name) => name !== 'lint' && !(name in LINTERS))
  if (names.length === 0 || filters.length > 0) {
    const projects: readonly string[] = filters.filter((name) => PROJECTS.includes(name))
    const paths = filters.filter((name) => !projects.includes(name))
    for (const project of PROJECTS) {
      const whole = filters.length === 0 ? full || project !== 'vm' : projects.includes(project)
      const found = globSync([...(FILES[project] ?? [])], { cwd: ROOT }).filter((file) =>
        paths.some((path) => file.includes(path)),
      )
      if ((!whole && found.length === 0) || besides.includes(project)) continue
      process.stdout.write(`\n== ${project}\n`)
      tallies.push(await runVitest(project, whole ? [] : found, env))
    }
  }
  tallies.push(...(await beside))
  const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0)
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0)
  if (passed + failed === 0) {
    process.stderr.write(`no test matches ${names.join(' ')}\n`)
    return 1
  }
  const lines = tallies.flatMap(({ names }) => names.map((name) => `failed: ${name}\n`))
  process.stdout.write(`\n${lines.join('')}${passed} passed, ${failed} failed\n`)
  return failed === 0 ? 0 : 1
}

const Report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.object({ status: z.string(), fullName: z.string(), failureMessages: z.array(z.string()) }),
      ),
    }),
  ),
})

/** Runs projects in the background, each in labs of its own, and says at the end of each what it said. */
async function runBeside(projects: readonly string[], env: NodeJS.ProcessEnv): Promise<Tally[]> {
  const tallies: Tally[] = []
  for (const project of projects) {
    const said: string[] = []
    // The virtual machine is never idle, and others measure: it gives way to them.
    const own = { ...env, SEKISHO_LAB: `${env.SEKISHO_LAB}-${project}`, SEKISHO_LAB_YIELDS: '1' }
    const paths = project === 'vm' ? VM_ALWAYS : []
    tallies.push(await runVitest(project, paths, own, (text) => said.push(text)))
    process.stdout.write(`\n== ${project}, beside the others\n${said.join('')}`)
  }
  return tallies
}

/** `onOutput` has what it says; without it, our own output. */
async function runVitest(
  project: string,
  paths: readonly string[],
  env: NodeJS.ProcessEnv,
  onOutput?: (text: string) => void,
): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), 'sekisho-test-'))
  const file = join(folder, 'report.json')
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
    const argv = [
      'vitest/vitest.mjs',
      'run',
      '--project',
      project,
      '--passWithNoTests',
      ...reporters,
      ...paths,
    ]
    const code = await run(argv, env, onOutput)
    const report = Report.parse(JSON.parse(readFileSync(file, 'utf8')))
    const broken = report.testResults.filter(
      (suite) =>
        suite.status === 'failed' && suite.assertionResults.every((test) => test.status !== 'failed'),
    )
    const failed = report.numFailedTests + report.numPendingTests + report.numTodoTests + broken.length
    const names = [
      ...broken.map(({ name, message }) => `${basename(name)} did not run to its end: ${firstLine(message)}`),
      ...report.testResults.flatMap(({ name, assertionResults }) =>
        assertionResults
          .filter(({ status }) => status !== 'passed')
          .map(
            ({ status, fullName, failureMessages }) =>
              `${basename(name)}: ${fullName}: ${firstLine(failureMessages[0] ?? status)}`,
          ),
      ),
    ]
    // An error outside any test (an unhandled rejection) fails the run and no test.
    if (failed === 0 && code !== 0)
      return { passed: report.numPassedTests, failed: 1, names: [`${project}: an error outside any test`] }
    return { passed: report.numPassedTests, failed, names }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function firstLine(text: string): string {
  return stripVTControlCharacters(text.split('\n')[0] ?? '')
}

function run(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  onOutput?: (text: string) => void,
): Promise<number> {
  const [script = '', ...args] = argv
  const output = onOutput === undefined ? 'inherit' : 'pipe'
  const child = spawn(process.execPath, [join(BIN, script), ...args], {
    cwd: ROOT,
    env,
    stdio: ['inherit', output, output],
  })
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => onOutput?.(text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? 1))
  })
}
