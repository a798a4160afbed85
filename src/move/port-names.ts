import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument, type Scalar, stringify } from 'yaml'
import { InterfaceName } from '../config/schema.ts'

/** A port that a router.yaml names, and for what. */
export interface UsedPort {
  readonly name: string
  /** "wan" and names of networks. */
  readonly uses: readonly string[]
}

interface Place {
  readonly scalar: Scalar
  readonly use: string
}

/** The ports of a router.yaml in its order; VLANs count as the port that carries them. */
export function usedPorts(text: string): UsedPort[] {
  const ports = new Map<string, Set<string>>()
  for (const { scalar, use } of placesOf(text)) {
    const name = String(scalar.value)
    ports.set(name, (ports.get(name) ?? new Set()).add(use))
  }
  return [...ports].map(([name, uses]) => ({ name, uses: [...uses] }))
}

/** The same text with other names of ports: nothing else of it changes, comments and layout included. */
export function renamePorts(text: string, names: ReadonlyMap<string, string>): string {
  const edits = new Map<number, { end: number; name: string }>()
  for (const { scalar } of placesOf(text)) {
    const name = names.get(String(scalar.value))
    const [start, end] = scalar.range ?? []
    if (name !== undefined && start !== undefined && end !== undefined) edits.set(start, { end, name })
  }
  let renamed = text
  // YAML quotes what would read as a number: a port may be called "1e3".
  for (const [start, { end, name }] of [...edits].sort(([a], [b]) => b - a))
    renamed = renamed.slice(0, start) + stringify(name, { lineWidth: 0 }).trim() + renamed.slice(end)
  return renamed
}

/** Where else a name of a port stands as a value, as paths: a module's own key, say, that only its author knows. */
export function otherMentions(text: string, names: ReadonlySet<string>): string[] {
  const places = new Set(placesOf(text).map(({ scalar }) => scalar.range?.[0]))
  const found: string[] = []
  const visit = (node: unknown, path: string) => {
    if (isMap(node))
      for (const { key, value } of node.items) visit(value, `${path === '' ? '' : `${path}.`}${nameOf(key)}`)
    else if (isSeq(node)) for (const [i, item] of node.items.entries()) visit(item, `${path}[${i}]`)
    else if (isScalar(node) && names.has(String(node.value)) && !places.has(node.range?.[0])) found.push(path)
  }
  visit(parse(text), '')
  return found
}

function parse(text: string): Node | null {
  return parseDocument(text, { version: '1.2', schema: 'core', uniqueKeys: false, logLevel: 'error' })
    .contents
}

function placesOf(text: string): Place[] {
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    uniqueKeys: false,
    logLevel: 'error',
  })
  const resolved = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node)
  const get = (node: unknown, key: string): unknown => {
    const map = resolved(node)
    return isMap(map) ? resolved(map.get(key, true)) : undefined
  }
  const places: Place[] = []
  const add = (node: unknown, use: string) => {
    if (isScalar(node) && InterfaceName.safeParse(node.value).success) places.push({ scalar: node, use })
  }
  add(get(get(document.contents, 'wan'), 'interface'), 'wan')
  const networks = get(document.contents, 'networks')
  if (!isMap(networks)) return places
  for (const { key, value } of networks.items) {
    const members = get(value, 'interfaces')
    if (!isSeq(members)) continue
    for (const item of members.items) {
      const member = resolved(item)
      add(isMap(member) ? get(member, 'name') : member, nameOf(key))
    }
  }
  return places
}

/** A key for the terminal: YAML's escapes can write anything into one. */
function nameOf(key: unknown): string {
  const name = isScalar(key) ? String(key.value) : '?'
  return /^[\w.-]+$/.test(name) ? name : JSON.stringify(name)
}
