import { sameSysctl, sysctlPath } from './generated.ts'
import type { Host } from './host.ts'
import type { Step } from './plan.ts'

/*
 * A pattern in sysctl.d reaches every link there is when the file is read (systemd-sysctl(8)), the loopback and
 * Docker's bridges too. They are not ours, so no step names them: they come and go with what new links inherit.
 */

type Values = Readonly<Record<string, string>>

const INHERITED = /^(net\/ipv[46]\/conf\/)default(\/\w+)$/

/** Values of these settings at every link, of those that new links inherit; `ours` are left out. */
export async function observeOthers(
  host: Host,
  keys: readonly string[],
  ours: ReadonlySet<string>,
): Promise<Values> {
  const values: Record<string, string> = {}
  for (const key of keys) {
    for (const other of await othersOf(host, key)) {
      if (ours.has(other)) continue
      const value = await host.read(sysctlPath(other)).catch(() => undefined)
      if (value !== undefined) values[other] = value.trim()
    }
  }
  return values
}

/** Those of the values that belong to `key`, which new links inherit. */
export function othersAmong(values: Values, key: string): Values {
  return Object.fromEntries(Object.entries(values).filter(([other]) => isOther(other, key)))
}

/** Gives links their values back when `step` gives new ones theirs; returns what is to be remembered still. */
export async function giveOthersBack(
  host: Host,
  { key, before, after }: Extract<Step, { do: 'sysctl' }>,
  saved: Values,
): Promise<Values> {
  for (const other of await othersOf(host, key)) {
    const live = await host.read(sysctlPath(other)).catch(() => undefined)
    // A link that came later has what it inherited from us.
    const value = saved[other] ?? (live !== undefined && sameSysctl(live, before) ? after : undefined)
    // A link may go at any moment.
    if (value !== undefined) await host.poke(sysctlPath(other), `${value}\n`).catch(() => {})
  }
  return Object.fromEntries(Object.entries(saved).filter(([other]) => !isOther(other, key)))
}

async function othersOf(host: Host, key: string): Promise<string[]> {
  const [, folder, name = ''] = INHERITED.exec(key) ?? []
  if (folder === undefined) return []
  const links = await host.list(sysctlPath(folder.replace(/\/$/, '')))
  return links.map((link) => folder + link + name).filter((other) => isOther(other, key))
}

/** Whether a setting is that of one link, while `key` is what new ones inherit. */
function isOther(other: string, key: string): boolean {
  const [, folder, name = ''] = INHERITED.exec(key) ?? []
  if (folder === undefined || !other.startsWith(folder) || !other.endsWith(name)) return false
  const link = other.slice(folder.length, -name.length)
  return link !== 'all' && link !== 'default' && !link.includes('/')
}
