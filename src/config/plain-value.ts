import { type Alias, isAlias, isCollection, isMap, isNode, isScalar, isSeq, type Node } from 'yaml'
import { plain } from './finding.ts'

interface Misuse {
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly fix: string
  readonly start: number
  readonly end: number
}

export interface Plain {
  readonly value: unknown
  readonly issues: readonly Misuse[]
  /** What each alias stands for. */
  readonly aliases: ReadonlyMap<Alias, Node>
}

/** Values after aliases are written out; nothing real comes near, a "billion laughs" bomb does at once. */
const MAX_VALUES = 20_000
const MAX_DEPTH = 24
const MAX_ISSUES = 50

/**
 * Turns YAML nodes into plain data with string keys. The library's own conversion writes collections used as
 * keys out as text, which takes minutes on hostile input, so it is done here, with bounds: duplicate keys,
 * tags, keys that are no words, and endless aliases are issues.
 */
export function plainValue(root: Node | null, end: number): Plain {
  const issues: Misuse[] = []
  const aliases = new Map<Alias, Node>()
  const anchors = new Map<string, Node>()
  const open = new Set<Node>()
  let left = MAX_VALUES

  function report(node: Node | null, path: readonly (string | number)[], message: string, fix: string): void {
    if (issues.length >= MAX_ISSUES) return
    issues.push({ path, message, fix, start: node?.range?.[0] ?? 0, end: node?.range?.[1] ?? end })
  }

  function convert(node: Node | null, path: readonly (string | number)[]): unknown {
    if (left-- <= 0) {
      if (left === -1)
        report(
          node,
          path,
          `the file holds more than ${MAX_VALUES} values`,
          'write less, or use fewer aliases',
        )
      return null
    }
    if (node === null) return null
    if (isAlias(node)) {
      const target = aliases.get(node) ?? anchors.get(node.source)
      if (!target) {
        report(
          node,
          path,
          `no anchor &${node.source} comes before this alias`,
          'write the value itself; quote it if it begins with "*"',
        )
        return null
      }
      if (open.has(target)) {
        report(node, path, `&${node.source} contains itself`, 'write the value itself')
        return null
      }
      aliases.set(node, target)
      return convert(target, path)
    }
    if ((isScalar(node) || isCollection(node)) && node.anchor !== undefined) anchors.set(node.anchor, node)
    // "!" alone says "not resolved", "!!str" and its like are the core types.
    if (node.tag !== undefined && !/^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/.test(node.tag)) {
      report(
        node,
        path,
        `the tag ${node.tag} means nothing here`,
        'remove the tag; quote the value if it begins with "!"',
      )
    }
    if (isScalar(node)) return typeof node.value === 'bigint' ? Number(node.value) : node.value
    if (path.length >= MAX_DEPTH) {
      report(node, path, 'the YAML is nested too deeply', 'write plain mappings and lists')
      return null
    }
    open.add(node)
    const value = isMap(node)
      ? mapping(node.items, path)
      : isSeq(node)
        ? node.items.map((item, i) => convert(isNode(item) ? item : null, [...path, i]))
        : null
    open.delete(node)
    return value
  }

  function mapping(
    pairs: readonly { readonly key: unknown; readonly value: unknown }[],
    path: readonly (string | number)[],
  ): Record<string, unknown> {
    const entries = new Map<string, unknown>()
    for (const { key, value } of pairs) {
      const keyNode = isNode(key) ? key : null
      const valueNode = isNode(value) ? value : null
      if (!isScalar(keyNode) || keyNode.value === null || keyNode.tag === '!') {
        report(
          keyNode ?? valueNode,
          path,
          'a key must be a word',
          'write "name: value"; quote the key if it has special characters',
        )
        continue
      }
      const name = plain(keyNode.value)
      if (name === '<<') {
        report(keyNode, path, 'merge keys are no part of YAML 1.2', 'write the keys out')
      } else if (name === '__proto__') {
        report(keyNode, path, '"__proto__" cannot be a key', 'choose another name')
      } else if (entries.has(name)) {
        report(keyNode, [...path, name], `"${name}" is given twice`, 'keep one of the two')
      } else {
        entries.set(name, convert(valueNode, [...path, name]))
      }
    }
    return Object.fromEntries(entries)
  }

  return { value: convert(root, []), issues, aliases }
}
