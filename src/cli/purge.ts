import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { parse } from 'yaml'
import { z } from 'zod'
import { bytesText } from '../recorder/ask/units.ts'
import { createHost, hasCode } from '../router/host.ts'
import { isUsed, moduleData, purge } from '../router/kept-data.ts'
import { PATHS } from '../router/paths.ts'
import { typed } from './ask.ts'
import { asRoot } from './report.ts'

/** `sekisho purge [NAME]`: removes what a module that is gone left in /var/lib/sekisho; without a name, lists it. */
export function purgeCommand(): Command {
  return new Command('purge')
    .description('remove the data that a module left when it went out of router.yaml')
    .argument('[name]', 'the module; without one, what there is')
    .option('-y, --yes', 'do not ask')
    .action(async (name: string | undefined, options: { yes?: boolean }) => {
      if (!asRoot('purge', 'reads and removes data of modules')) return
      process.exitCode = await run(name, options.yes === true)
    })
}

async function run(name: string | undefined, yes: boolean): Promise<number> {
  const host = createHost()
  const named = await namedModules()
  if (named === undefined) return 1
  const all = await moduleData(host)
  if (name === undefined) {
    for (const data of all)
      process.stdout.write(
        `${data.module.padEnd(12)} ${bytesText(data.bytes).padStart(9)}  ${data.path}  ${isUsed(data, named) ? 'in use' : 'kept; nobody uses it'}\n`,
      )
    if (all.length === 0) process.stdout.write('No module has data here.\n')
    return 0
  }
  const data = all.find((one) => one.module === name)
  if (data && !isUsed(data, named) && !yes) {
    process.stdout.write(`${data.path} holds ${bytesText(data.bytes)}, and there is no way back.\n`)
    if (!(await typed(`Type ${name} to remove it: `, name))) {
      process.stderr.write('Nothing was removed. Fix: type the name, or say --yes\n')
      return 1
    }
  }
  const result = await purge(host, name, named)
  if (result.ok) process.stdout.write(`Removed the data of ${name}: ${bytesText(result.bytes)}.\n`)
  else process.stderr.write(`${result.message}\n`)
  return result.ok ? 0 : 1
}

const Named = z.object({ modules: z.record(z.string(), z.unknown()).nullish() }).nullable()

/** The modules that router.yaml names, whatever else is wrong with it; undefined, and said, when nobody can tell. */
async function namedModules(): Promise<string[] | undefined> {
  try {
    const named = Named.parse(parse(await readFile(PATHS.config, 'utf8'), { logLevel: 'silent' }))
    return Object.keys(named?.modules ?? {})
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return []
    process.stderr.write(`${PATHS.config} does not say which modules are in use. Fix: sekisho check\n`)
    return undefined
  }
}
