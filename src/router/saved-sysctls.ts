import { sameSysctl, sysctlPath } from './generated.ts'
import type { Host } from './host.ts'
import type { Step } from './plan.ts'

/*
 * A pattern in sysctl.d reaches every link there is when the file is read (systemd-sysctl(8)), the loopback and
 * Docker's bridges too. They are not ours, so no step names them: they come and go with what new links inherit.
 */

type Values = Readonly<Record<string, string>>

/** Values of a setting at every link, when `key` is what new links inherit for it; else nothing. */
export async function rememberOthers(host: Host, key: string): Promise<Values> {
  const values: Record<string, string> = {}
  for (const other of await othersOf(host, key)) {
    const value = await host.read(sysctlPath(other)).catch(() => undefined)
    if (value !== undefined) values[other] = value.trim()
  }
  return values
}

/** Gives links their values back when `step` gives new ones theirs; returns what is to be remembered still. */
export async function giveOthersBack(
  host: Host,
  { key, before, after }: Extract<Step, { do: 'sysctl' }>,
  saved: Values,
): Promise<Values> {
  const rest: Record<string, string> = { ...saved }
  for (const other of await othersOf(host, key)) {
    const live = await host.read(sysctlPath(other)).catch(() => undefined)
    // A link that came later has what it inherited from us.
    const value = saved[other] ?? (live !== undefined && sameSysctl(live, before) ? after : undefined)
    delete rest[other]
    // A link may go at any moment.
    if (value !== undefined) await host.poke(sysctlPath(other), `${value}\n`).catch(() => {})
  }
  for (const gone of Object.keys(rest)) if (sameSetting(gone, key)) delete rest[gone]
  return rest
}

const INHERITED = /^(net\/ipv[46]\/conf\/)default(\/\w+)$/

async function othersOf(host: Host, key: string): Promise<string[]> {
  const [, folder = '', name = ''] = INHERITED.exec(key) ?? []
  if (folder === '') return []
  const links = await host.list(sysctlPath(folder.replace(/\/$/, '')))
  return links.filter((link) => link !== 'all' && link !== 'default').map((link) => folder + link + name)
}

/** Whether `other` is the same setting as the inherited one, at a link that is there no more. */
function sameSetting(other: string, key: string): boolean {
  const [, folder = '', name = ''] = INHERITED.exec(key) ?? []
  return folder !== '' && other !== `${folder}all${name}` && other.startsWith(folder) && other.endsWith(name)
}
