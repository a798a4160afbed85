import { configOf } from './config-of.ts'
import { plainLabel, replaceScalars } from './edit-yaml.ts'

/**
 * The text of a router.yaml in which the reservation of a device has another name, and so has what refers to it by name: the
 * denials and the checks. Undefined when the file is wrong, has no such reservation, or cannot be edited by a program.
 */
export function renameDevice(text: string, mac: string, name: string): string | undefined {
  const config = configOf(text)
  if (config === undefined) return undefined
  const own = Object.entries(config.networks).flatMap(([network, { dhcp }]) =>
    (dhcp?.reservations ?? []).flatMap((one, i) =>
      one.mac === mac
        ? [{ before: one.name, path: ['networks', network, 'dhcp', 'reservations', i, 'name'] as const }]
        : [],
    ),
  )
  if (own.length === 0) return undefined
  const before = new Set(own.map((one) => one.before))
  const denials = config.firewall.deny.flatMap(({ source }, i) =>
    source !== undefined && before.has(source) ? [['firewall', 'deny', i, 'source'] as const] : [],
  )
  const checks = config.checks.flatMap((check, i) =>
    (['from', 'to'] as const).flatMap((end) => (before.has(check[end]) ? [['checks', i, end] as const] : [])),
  )
  return replaceScalars(text, [...own.map(({ path }) => path), ...denials, ...checks], name, plainLabel(name))
}
