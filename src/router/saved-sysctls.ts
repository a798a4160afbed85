import { sameSysctl, sysctlPath } from './generated.ts'
import type { Host } from './host.ts'

/*
 * A pattern in sysctl.d reaches every link there is when the file is read (systemd-sysctl(8)), the loopback and
 * Docker's bridges too. They are not ours, so no step names them: they come and go with what new links inherit.
 */

type Values = Readonly<Record<string, string>>

/** A setting of a link that is not ours: its value without us, and with us as far as we know it. */
export interface OtherSetting {
  readonly own: string
  readonly ours?: string
}

const INHERITED = /^(net\/ipv[46]\/conf\/)default(\/\w+)$/

/** Values at every link of those of these settings that new links inherit; `ours` are left out. */
export async function observeOthers(
  host: Host,
  keys: readonly string[],
  ours: ReadonlySet<string>,
): Promise<Values> {
  const values: Record<string, string> = {}
  for (const key of keys) {
    const [, folder, name = ''] = INHERITED.exec(key) ?? []
    if (folder === undefined) continue
    for (const link of await host.list(sysctlPath(folder.replace(/\/$/, '')))) {
      const other = folder + link + name
      if (ours.has(other) || !isOther(other, key)) continue
      const value = await host.read(sysctlPath(other)).catch(() => undefined)
      if (value !== undefined) values[other] = value.trim()
    }
  }
  return values
}

/** What becomes of other links when `key`, which new links inherit, is set for the first time; else nothing. */
export function othersTaken(key: string, found: Values): Readonly<Record<string, OtherSetting>> {
  const others = Object.entries(found).filter(([other]) => isOther(other, key))
  return Object.fromEntries(others.map(([other, own]) => [other, { own }]))
}

/** The same when it is given back its value, from `before` to `after`; `ours` are links that have their own steps. */
export function othersGivenBack(
  { key, before, after }: { readonly key: string; readonly before: string; readonly after: string },
  found: Values,
  saved: Values,
  ours: ReadonlySet<string>,
): Readonly<Record<string, OtherSetting>> {
  const names = new Set([...Object.keys(found), ...Object.keys(saved)])
  return Object.fromEntries(
    [...names]
      .filter((other) => isOther(other, key) && !ours.has(other))
      .map((other) => {
        const live = found[other]
        // A link that came later has what it inherited from us.
        const inherited = live === undefined || sameSysctl(live, before) ? after : live
        return [other, { own: saved[other] ?? inherited, ...(live !== undefined && { ours: live }) }]
      }),
  )
}

/** Sets other links' values, with us or without. A link may go at any moment. */
export async function setOthers(
  host: Host,
  others: Readonly<Record<string, OtherSetting>>,
  which: keyof OtherSetting,
): Promise<void> {
  for (const [other, values] of Object.entries(others)) {
    const value = values[which]
    if (value !== undefined) await host.poke(sysctlPath(other), `${value}\n`).catch(() => {})
  }
}

/** Whether a setting is that of one link, while `key` is what new ones inherit. */
function isOther(other: string, key: string): boolean {
  const [, folder, name = ''] = INHERITED.exec(key) ?? []
  if (folder === undefined || !other.startsWith(folder) || !other.endsWith(name)) return false
  const link = other.slice(folder.length, -name.length)
  return link !== 'all' && link !== 'default' && !link.includes('/')
}
