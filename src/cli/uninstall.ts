import { hostname } from 'node:os'
import { Command } from 'commander'
import { dockerAnswers } from '../install/images.ts'
import { uninstall } from '../install/uninstall.ts'
import { bytesText } from '../recorder/ask/units.ts'
import { NOTHING } from '../router/desired.ts'
import type { Host } from '../router/host.ts'
import { createHost } from '../router/host.ts'
import { bytesOf, moduleData } from '../router/kept-data.ts'
import { observe } from '../router/observe.ts'
import { PATHS } from '../router/paths.ts'
import { findSshSession } from '../router/takeover/ssh.ts'
import { describeGivenBack } from '../router/takeover/takeover.ts'
import { typed } from './ask.ts'
import { outliveTheTerminal } from './outlive.ts'
import { asRoot } from './report.ts'
import { reportFailure, say } from './run-apply.ts'

interface Options {
  readonly keepData?: boolean
  readonly yes?: boolean
}

/** `sekisho uninstall`: gives the machine back as it was before the installation. Exit 0: it is so; 1: it is not. */
export function uninstallCommand(): Command {
  return new Command('uninstall')
    .description('give this machine back as it was before Sekisho, data and records removed')
    .option('--keep-data', 'leave router.yaml, the secrets, and what modules recorded')
    .option('-y, --yes', 'do not ask')
    .action(async (options: Options) => {
      if (asRoot('uninstall', 'changes the machine')) process.exitCode = await run(options)
    })
}

async function run({ keepData = false, yes = false }: Options): Promise<number> {
  const host = createHost()
  // Stopped, it cannot give back what is in it. Where there is none, nothing is.
  if (!(await dockerAnswers())) await host.exec(['systemctl', 'start', 'docker.service'])
  process.stdout.write(await whatGoes(host, keepData))
  if (!yes) {
    const name = hostname()
    if (!(await typed(`\nType the name of this machine, ${name}, to go on: `, name))) {
      process.stderr.write('Nothing was changed. Fix: type the name, or say --yes\n')
      return 1
    }
  }
  outliveTheTerminal()
  const result = await uninstall({ host, keepData, onProgress: say })
  if (result.ok) {
    process.stdout.write(
      `Sekisho is gone; this machine is what it was before.${keepData ? ` ${KEPT}` : ''}\n`,
    )
    if (result.left.length > 0) process.stderr.write('What could not be removed:\n')
    for (const line of result.left) say(line)
    return result.left.length === 0 ? 0 : 1
  }
  reportFailure(result)
  return 1
}

const KEPT = `/etc/sekisho and ${PATHS.data} are left: an installation and an apply begin with them.`

/** What the user has to know before it is too late, as lines. */
async function whatGoes(host: Host, keepData: boolean): Promise<string> {
  const { lapsed } = await observe(host, NOTHING)
  const back = lapsed.filter((action) => action.kind !== 'stop-process').map(describeGivenBack)
  const data = await moduleData(host)
  const total = await bytesOf(host, PATHS.data)
  const session = await findSshSession(host, process.pid)
  return [
    'The router ends: no leases, no names, no firewall, nothing is forwarded for the networks. Containers, images,',
    'units, addresses and files of Sekisho go, and the machine gets back what was set aside for them:',
    ...back.map((line) => `  ${line}`),
    ...(keepData
      ? [KEPT]
      : [
          'Removed for good:',
          `  ${PATHS.data}: ${bytesText(total)}`,
          ...data.map(({ module, bytes }) => `    ${module}: ${bytesText(bytes)}`),
          '  /etc/sekisho: router.yaml, secrets, the history of what was applied, and all else that is in it',
          'To keep both: --keep-data. A backup has no records.',
        ]),
    ...(session === undefined
      ? []
      : [
          `This SSH session comes in on ${session.address} (${session.device ?? 'unknown'}). It may break off for good: the`,
          'address goes unless the machine had it before. The uninstall goes on without it.',
        ]),
    '',
  ].join('\n')
}
