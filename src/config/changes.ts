import { isDeepStrictEqual } from 'node:util'
import { printable } from '../lib/printable.ts'
import {
  allowWords,
  checkWords,
  denyWords,
  dhcpWords,
  forwardPort,
  forwardTarget,
  isSecret,
  networkWords,
  pinholeHost,
  pinholePorts,
  reservationWords,
  valueWords,
  wanWords,
} from './change-words.ts'
import type { FirewallConfig, NetworkConfig, RouterConfig } from './schema.ts'

/** One thing that differs between two router.yaml, in the router's terms. */
export interface Change {
  /** Where: "networks", "guest", "address". What is in a list is named by what tells it from the others. */
  readonly path: readonly string[]
  readonly kind: 'added' | 'removed' | 'changed'
  /** One line for a person; a secret is never in it. */
  readonly says: string
}

/** How each kind is marked in a list. */
export const MARKS = { added: '+', removed: '-', changed: '~' } as const

type Path = readonly string[]
type Tree = Readonly<Record<string, unknown>>

/**
 * What changes from one router to another, in words, in the order of the file; without a `before` everything is new.
 * Empty exactly when nothing that the file says differs. Keys that nobody has written words for here, those of modules
 * above all, are named as the file names them.
 */
export function configChanges(before: RouterConfig | undefined, after: RouterConfig): readonly Change[] {
  const { wan, networks, firewall, checks, modules, ...rest } = after
  // What every file has without a word about it is no news.
  const was: Partial<RouterConfig> = before ?? { version: after.version, generations: after.generations }
  const {
    wan: wanWas,
    networks: networksWere,
    firewall: firewallWas,
    checks: checksWere,
    modules: modulesWere,
    ...restWas
  } = was
  return [
    ...values([], restWas, rest, ''),
    ...(wanWas === undefined
      ? [change(['wan'], 'added', `WAN: ${wanWords(wan)}`)]
      : values(['wan'], tree(wanWas), tree(wan), 'WAN: ')),
    ...networkChanges(networksWere ?? {}, networks),
    ...firewallChanges(firewallWas, firewall),
    ...ruleChanges(['checks'], checksWere, checks, checkWords),
    ...moduleChanges(modulesWere ?? {}, modules),
  ]
}

function change(path: Path, kind: Change['kind'], says: string): Change {
  return { path, kind, says }
}

function tree(value: object): Tree {
  return value as Tree
}

/** What differs between two mappings, key by key, each with `label` before it. */
function values(path: Path, before: Tree, after: Tree, label: string, hidden = false): Change[] {
  return unionOf(before, after).flatMap((key): Change[] => {
    const [was, is] = [own(before, key), own(after, key)]
    if (isDeepStrictEqual(was, is)) return []
    const here = [...path, key]
    const secret = hidden || isSecret(key)
    const name = printable(key)
    if (isTree(was) && isTree(is)) return values(here, was, is, `${label}${name}: `, secret)
    if (!secret && isListOrNone(was) && isListOrNone(is) && [was, is].flat().some(isTree)) {
      const words = (item: unknown) => `${label}${name} ${valueWords(item, key)}`
      return listed<unknown>({
        path: here,
        before: was ?? [],
        after: is ?? [],
        name: words,
        words,
        changed: (_, item) => `${words(item)}, with something that is not shown`,
        order: `${label}${name}`,
      })
    }
    const both = [was, is].map((value) => (secret ? '(not shown)' : valueWords(value, key)))
    if (was === undefined) return [change(here, 'added', `${label}${name} ${both[1]}`)]
    if (is === undefined) return [change(here, 'removed', `${label}${name} ${both[0]}`)]
    if (Array.isArray(was) && Array.isArray(is) && !secret) return [listChange(here, was, is, label + name)]
    // Different, though what is shown of them is not.
    const says = both[0] === both[1] ? 'is another' : `${both[0]} → ${both[1]}`
    return [change(here, 'changed', `${label}${name} ${says}`)]
  })
}

/** A list of plain things: what comes and what goes, or that the order is another. */
function listChange(
  path: Path,
  before: readonly unknown[],
  after: readonly unknown[],
  label: string,
): Change {
  const key = path.at(-1) ?? ''
  const words = (items: readonly unknown[]) => items.map((item) => valueWords(item, key)).join(', ')
  const missing = (from: readonly unknown[], there: readonly unknown[]) => {
    const left = there.map((item) => JSON.stringify(item))
    return from.filter((item) => {
      const at = left.indexOf(JSON.stringify(item))
      if (at >= 0) left.splice(at, 1)
      return at < 0
    })
  }
  const [gone, come] = [missing(before, after), missing(after, before)]
  if (before.length === gone.length || after.length === come.length)
    return change(path, 'changed', `${label} ${valueWords(before, key)} → ${valueWords(after, key)}`)
  const parts = [
    ...(come.length > 0 ? [`also ${words(come)}`] : []),
    ...(gone.length > 0 ? [`no longer ${words(gone)}`] : []),
  ]
  return change(path, 'changed', `${label} ${parts.join(', ') || `in the order ${valueWords(after, key)}`}`)
}

function isListOrNone(value: unknown): value is readonly unknown[] | undefined {
  return value === undefined || Array.isArray(value)
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A key that the file has; every object has others. */
function own<T>(mapping: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(mapping, key) ? mapping[key] : undefined
}

function unionOf(before: object, after: object): string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
}

type Networks = RouterConfig['networks']

function networkChanges(before: Networks, after: Networks): Change[] {
  const changes = unionOf(before, after).flatMap((name): Change[] => {
    const path = ['networks', name]
    const [was, is] = [own(before, name), own(after, name)]
    if (is === undefined)
      return was ? [change(path, 'removed', `network ${name} (${networkWords(was)})`)] : []
    if (was === undefined) return [change(path, 'added', `network ${name}: ${networkWords(is)}`)]
    const { dhcp: dhcpWas, ...restWas } = was
    const { dhcp, ...rest } = is
    return [
      ...values(path, restWas, rest, `network ${name}: `),
      ...dhcpChanges(name, dhcpWas, dhcp),
      ...reservationChanges(name, dhcpWas, dhcp),
    ]
  })
  const order = reordered(Object.keys(before), Object.keys(after))
  // The first may use more of the router than the others.
  return order
    ? [...changes, change(['networks'], 'changed', `networks: the order is ${order.join(', ')}`)]
    : changes
}

type Dhcp = NetworkConfig['dhcp']

function dhcpChanges(name: string, before: Dhcp, after: Dhcp): Change[] {
  const path = ['networks', name, 'dhcp']
  if (!after) return before ? [change(path, 'removed', `network ${name}: ${dhcpWords(before)}`)] : []
  const { reservations: _, ...is } = after
  if (!before) return [change(path, 'added', `network ${name}: ${dhcpWords(after)}`)]
  const { reservations: __, ...was } = before
  return values(path, was, is, `network ${name}: DHCP `)
}

function reservationChanges(network: string, before: Dhcp, after: Dhcp): Change[] {
  // Those that come or go with the whole section were counted there.
  if (!before || !after) return []
  return listed({
    path: ['networks', network, 'dhcp', 'reservations'],
    before: before.reservations,
    after: after.reservations,
    name: ({ name }) => name,
    words: (item) => `name ${item.name} in ${network}: ${reservationWords(item)}`,
    changed: (was, is) => `name ${is.name} in ${network}: ${reservationWords(was)} → ${reservationWords(is)}`,
    order: `reservations of ${network}`,
  })
}

function firewallChanges(before: FirewallConfig | undefined, after: FirewallConfig): Change[] {
  const { allow, deny, forwards, pinholes, ...rest } = after
  const {
    allow: allowWas,
    deny: denyWas,
    forwards: forwardsWere,
    pinholes: pinholesWere,
    ...restWas
  } = before ?? {}
  return [
    ...ruleChanges(['firewall', 'allow'], allowWas, allow, allowWords),
    ...ruleChanges(['firewall', 'deny'], denyWas, deny, denyWords),
    ...listed({
      path: ['firewall', 'forwards'],
      before: forwardsWere ?? [],
      after: forwards,
      name: forwardPort,
      words: (item) => `${forwardPort(item)} goes to ${forwardTarget(item)}`,
      gone: (item) => `${forwardPort(item)} no longer goes to ${forwardTarget(item)}`,
      changed: (was, is) =>
        `${forwardPort(is)} goes to ${forwardTarget(is)}, no longer to ${forwardTarget(was)}`,
      order: 'firewall.forwards, of which the first that matches wins',
    }),
    ...listed({
      path: ['firewall', 'pinholes'],
      before: pinholesWere ?? [],
      after: pinholes,
      name: pinholeHost,
      words: (item) => `${pinholeHost(item)} ${pinholePorts(item)}`,
      changed: (was, is) => `${pinholeHost(is)} ${pinholePorts(is)}, no longer ${pinholePorts(was)}`,
      order: 'firewall.pinholes',
    }),
    ...values(['firewall'], restWas, rest, 'firewall: '),
  ]
}

/** Rules that say all of themselves: two that differ in no more than their comments are the same one. */
function ruleChanges<T extends { readonly why?: string | undefined }>(
  path: Path,
  before: readonly T[] | undefined,
  after: readonly T[],
  words: (rule: T) => string,
): Change[] {
  return listed({
    path,
    before: before ?? [],
    after,
    name: (rule) => words({ ...rule, why: '' }),
    words,
    changed: (was, is) => `${words(is)}, with another comment than "${was.why ?? ''}"`,
    order: path.join('.'),
  })
}

interface Listed<T> {
  readonly path: Path
  readonly before: readonly T[]
  readonly after: readonly T[]
  /** What stays the same while the rest of it changes. */
  readonly name: (item: T) => string
  readonly words: (item: T) => string
  readonly gone?: (item: T) => string
  readonly changed: (was: T, is: T) => string
  /** The list, when only its order is another. */
  readonly order: string
}

/** What differs between two lists of things that have a name; several of one name are told apart by their order. */
function listed<T>({ path, before, after, name, words, gone = words, changed, order }: Listed<T>): Change[] {
  const one = byName(before, name)
  const two = byName(after, name)
  const changes = [...new Set([...one.keys(), ...two.keys()])].flatMap((key): Change[] => {
    const [was, is] = [one.get(key), two.get(key)]
    const here = [...path, key]
    if (was === undefined) return is === undefined ? [] : [change(here, 'added', words(is))]
    if (is === undefined) return [change(here, 'removed', gone(was))]
    return isDeepStrictEqual(was, is) ? [] : [change(here, 'changed', changed(was, is))]
  })
  return reordered([...one.keys()], [...two.keys()])
    ? [...changes, change(path, 'changed', `the order of ${order}`)]
    : changes
}

function byName<T>(items: readonly T[], name: (item: T) => string): Map<string, T> {
  const named = new Map<string, T>()
  for (const item of items) {
    let key = name(item)
    for (let n = 2; named.has(key); n++) key = `${name(item)} #${n}`
    named.set(key, item)
  }
  return named
}

/** The later order, when what both have stands in another one. */
function reordered(before: readonly string[], after: readonly string[]): readonly string[] | undefined {
  const common = (one: readonly string[], two: readonly string[]) => one.filter((key) => two.includes(key))
  return isDeepStrictEqual(common(before, after), common(after, before)) ? undefined : after
}

function moduleChanges(before: RouterConfig['modules'], after: RouterConfig['modules']): Change[] {
  return unionOf(before, after).flatMap((name): Change[] => {
    const path = ['modules', name]
    const title = `module ${printable(name)}`
    // "kea:" with nothing after it is a module without settings.
    const [was, is] = [own(before, name) ?? {}, own(after, name) ?? {}]
    if (!Object.hasOwn(after, name)) return [change(path, 'removed', `${title}; its data stays`)]
    if (!Object.hasOwn(before, name)) {
      const settings = isTree(is) && Object.keys(is).length > 0 ? `: ${valueWords(is)}` : ''
      return [change(path, 'added', title + settings)]
    }
    if (isTree(was) && isTree(is)) return values(path, was, is, `${title}: `)
    return isDeepStrictEqual(was, is) ? [] : [change(path, 'changed', `${title}: other settings`)]
  })
}
