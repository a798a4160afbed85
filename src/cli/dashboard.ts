import { readFile } from 'node:fs/promises'
import { isIPv6 } from 'node:net'
import { Command } from 'commander'
import type { DashboardSettings } from '../dashboard/settings.ts'
import { asRoot } from './report.ts'

/** `sekisho dashboard …`: who may sign in to the dashboard of this router. */
export function dashboardCommand(): Command {
  const command = new Command('dashboard').description(
    'the dashboard: its password, and links that sign in once',
  )
  command
    .command('password')
    .description('set the password: asks for it twice, or reads one line of standard input; all sessions end')
    .action(async () => {
      process.exitCode = await guarded(setPassword)
    })
  command
    .command('link')
    .description('print an address that signs in once, within ten minutes')
    .option('--json', 'for programs')
    .action(async (options: { json?: boolean }) => {
      process.exitCode = await guarded(() => printLink(options.json === true))
    })
  return command
}

async function guarded(work: () => Promise<number>): Promise<number> {
  if (!asRoot('dashboard', 'reads what only root may')) return 1
  const { refused } = await import('./refused.ts')
  try {
    return await work()
  } catch (error) {
    return refused(error)
  }
}

async function setPassword(): Promise<number> {
  const { stateDirectory } = await settingsInUse()
  const { askNewPassphrase, canAsk, passphraseFromInput } = await import('./passphrase.ts')
  const { LEAST_CHARACTERS, passwordProblem, setPassword } = await import('../dashboard/server/password.ts')
  const { Refusal } = await import('../move/refusal.ts')
  const password = canAsk()
    ? await askNewPassphrase(`The dashboard's new password, ${LEAST_CHARACTERS} characters or more`)
    : await passphraseFromInput()
  if (password === undefined) return 1
  const problem = passwordProblem(password)
  if (problem !== undefined) throw new Refusal(`the password ${problem}`, 'choose another')
  await setPassword(stateDirectory, password)
  process.stdout.write('The password is set, and whoever was signed in is no more.\n')
  return 0
}

async function printLink(json: boolean): Promise<number> {
  const { stateDirectory, names, addresses, port } = await settingsInUse()
  const { LINK_MS, newLink } = await import('../dashboard/server/links.ts')
  const expires = new Date(Date.now() + LINK_MS)
  const token = await newLink(stateDirectory)
  // By address first: that needs no DNS. The token is the part that no browser sends, and so no log keeps.
  const urls = [...addresses, ...names.slice(0, 1)].map(
    (host) =>
      `https://${isIPv6(host) ? `[${host}]` : host}${port === 443 ? '' : `:${port}`}/sign-in#${token}`,
  )
  const [url = ''] = urls
  if (json)
    process.stdout.write(`${JSON.stringify({ url, urls, expires: expires.toISOString() }, null, 2)}\n`)
  else {
    process.stdout.write(`${url}\n`)
    process.stderr.write(
      'It signs in once, within ten minutes, in a browser of a network that may open the dashboard.\n',
    )
  }
  return 0
}

/** What the dashboard of the generation in use was told. */
async function settingsInUse(): Promise<DashboardSettings> {
  const { parseDashboardSettings } = await import('../dashboard/settings.ts')
  const { PATHS } = await import('../router/paths.ts')
  const { Refusal } = await import('../move/refusal.ts')
  const file = `${PATHS.current}/modules/dashboard/dashboard.json`
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined)
    throw new Refusal('this router has no dashboard', 'add "dashboard: {}" to its modules, and apply')
  return parseDashboardSettings(text)
}
