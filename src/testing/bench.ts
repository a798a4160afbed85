import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const ROOT = new URL('../..', import.meta.url).pathname

export interface BenchOptions {
  /** Names of files in bench/, without ".ts". None means all. */
  readonly names: readonly string[]
  readonly json: boolean
}

/** The benchmarks: the files in bench/ that do something when they are run, the others are their parts. */
export function benchNames(root: string = ROOT): string[] {
  return globSync('bench/*.ts', { cwd: root })
    .filter((file) => /^await main\(\)$/m.test(readFileSync(join(root, file), 'utf8')))
    .map((file) => basename(file, '.ts'))
    .sort()
}

/** Runs benchmarks one after the other, each in a process of its own, and returns the exit code. */
export async function runBenches({ names, json }: BenchOptions): Promise<number> {
  const all = benchNames()
  const unknown = names.filter((name) => !all.includes(name))
  if (unknown.length > 0) {
    process.stderr.write(`no benchmark is called ${unknown.join(' ')}; there are ${all.join(', ')}\n`)
    return 1
  }
  let failed = 0
  for (const name of names.length > 0 ? names : all) {
    if (!json) process.stdout.write(`== ${name}\n`)
    const argv = [join(ROOT, 'bench', `${name}.ts`), ...(json ? ['--json'] : [])]
    const [code] = (await once(
      spawn(process.execPath, argv, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] }),
      'close',
    )) as [number | null]
    if (code !== 0) failed += 1
  }
  return failed === 0 ? 0 : 1
}
