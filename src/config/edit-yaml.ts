import { isDeepStrictEqual } from 'node:util'
import { type Document, isCollection, isMap, isNode, isSeq, Lexer, type Node, parseDocument } from 'yaml'

/*
 * Changes of a router.yaml that leave every other character as it is, where that can be done, and every comment in any
 * case. An edit is tried as characters first and as nodes then; what does not say exactly what was meant is no result.
 */

/** The same change three times. */
export interface Edit {
  /** Of the file's values, in place; nothing in them is shared. */
  readonly values: (root: Record<string, unknown>) => void
  /** Of its characters; undefined where there is no plain place for them. */
  readonly text: (text: string, document: Document.Parsed) => string | undefined
  /** Of its nodes, in place. */
  readonly nodes: (document: Document.Parsed) => void
}

/** The edited text; undefined when it cannot be done by a program. */
export function editYaml(text: string, edit: Edit): string | undefined {
  const document = read(text)
  if (document.errors.length > 0 || !isMap(document.contents)) return undefined
  const wanted = valuesOf(document)
  const said = commentsOf(text)
  const good = (candidate: string | undefined): candidate is string => {
    if (candidate === undefined) return false
    const made = read(candidate)
    if (made.errors.length > 0 || !isMap(made.contents)) return false
    return isDeepStrictEqual(withoutEmpty(valuesOf(made)), withoutEmpty(wanted)) && keepsAll(candidate, said)
  }
  try {
    edit.values(wanted)
    const byText = edit.text(text, document)
    if (good(byText)) return byText
    edit.nodes(document)
    const byNodes = document.toString({ lineWidth: 0 })
    return good(byNodes) ? byNodes : undefined
  } catch {
    // What stands there is of another kind than the edit takes it for.
    return undefined
  }
}

function read(text: string): Document.Parsed {
  return parseDocument(text, { version: '1.2', schema: 'core', logLevel: 'error' })
}

/** Nothing of it is shared, as what an alias names is. */
function valuesOf(document: Document.Parsed): Record<string, unknown> {
  return unshared(document.toJS()) as Record<string, unknown>
}

function unshared(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unshared)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, unshared(one)]))
}

/** An empty firewall section, or list in it, says what none does. */
function withoutEmpty(root: Record<string, unknown>): unknown {
  const { firewall, ...rest } = root
  if (typeof firewall !== 'object' || firewall === null || Array.isArray(firewall))
    return firewall === null ? rest : root
  const filled = Object.entries(firewall).filter(([, list]) => !Array.isArray(list) || list.length > 0)
  return filled.length === 0 ? rest : { ...rest, firewall: Object.fromEntries(filled) }
}

/** Where the comments are, "#" included. */
function commentSpans(text: string): (readonly [number, number])[] {
  const spans: (readonly [number, number])[] = []
  let at = 0
  let scalar = false
  for (const lexeme of new Lexer().lex(text)) {
    // The lexer's marks are not of the text: document, scalar, and the end of a bad flow collection.
    if (lexeme === '\x02' || lexeme === '\x18') continue
    if (lexeme === '\x1f') {
      scalar = true
      continue
    }
    if (!scalar && lexeme.startsWith('#')) spans.push([at, at + lexeme.length])
    scalar = false
    at += lexeme.length
  }
  return spans
}

export function commentsOf(text: string): string[] {
  return commentSpans(text).map(([from, to]) => text.slice(from, to).trim())
}

function keepsAll(text: string, comments: readonly string[]): boolean {
  const left = commentsOf(text)
  return comments.every((comment) => {
    const at = left.indexOf(comment)
    if (at >= 0) left.splice(at, 1)
    return at >= 0
  })
}

/**
 * One entry more at the end of the list at `path`: on lines of its own, or within the brackets. Collections that are missing
 * on the way are made. `entry` is the value in one line of YAML.
 */
export function addEntry(
  text: string,
  path: readonly [string, ...string[]],
  value: unknown,
  entry: string,
): string | undefined {
  return editYaml(text, {
    values(root) {
      let at = root
      for (const key of path.slice(0, -1)) {
        at[key] ??= {}
        at = at[key] as typeof at
      }
      const last = path.at(-1) ?? ''
      at[last] = [...((at[last] as unknown[] | null | undefined) ?? []), value]
    },
    text: (whole, document) => insertEntry(whole, document, path, entry),
    nodes(document) {
      const listed = document.getIn(path, true)
      if (isSeq(listed)) document.addIn(path, document.createNode(value, { flow: true }))
      else document.setIn(path, document.createNode([value]))
    },
  })
}

/** The entry as characters put into the text. */
function insertEntry(
  text: string,
  document: Document.Parsed,
  path: readonly string[],
  entry: string,
): string | undefined {
  let at: unknown = document.contents
  for (const [depth, key] of path.entries()) {
    if (!isMap(at)) return undefined
    const pair = at.items.find(({ key: own }) => isNode(own) && own.toString() === key)
    const rest = path.slice(depth)
    if (!pair) return insertKeys(text, at, rest, entry)
    const { key: name, value } = pair
    if (!isNode(name) || !isNode(value)) return undefined
    // "firewall:" and nothing behind it.
    if (!isCollection(value) && value.toJSON() === null && !at.flow)
      return after(text, endOf(value), block(`${indentOf(text, startOf(name))}  `, rest.slice(1), entry))
    at = value
  }
  if (!isSeq(at)) return undefined
  const [first, last] = [at.items[0], at.items.at(-1)]
  if (at.items.length === 0) return into(text, endOf(at) - 1, entry)
  if (!isNode(first) || !isNode(last)) return undefined
  if (at.flow) return into(text, endOf(last), `, ${entry}`)
  return after(text, endOf(last), `${indentOf(text, startOf(first))}- ${entry}`)
}

/** New keys, with the entry under the last of them, at the end of a mapping. */
function insertKeys(text: string, map: Node, keys: readonly string[], entry: string): string | undefined {
  if (!isMap(map)) return undefined
  const inline = keys
    .toReversed()
    .reduce((inner, key, i) => (i === 0 ? `${key}: [${inner}]` : `${key}: { ${inner} }`), entry)
  const last = map.items.at(-1)
  if (!last) return map.flow ? into(text, endOf(map) - 1, ` ${inline} `) : undefined
  if (!isNode(last.key) || !isNode(last.value)) return undefined
  if (map.flow) return into(text, endOf(last.value), `, ${inline}`)
  return after(text, endOf(last.value), block(indentOf(text, startOf(last.key)), keys, entry))
}

/** Lines of block style: each key deeper than the one before, and the entry of the last one's list. */
function block(indent: string, keys: readonly string[], entry: string): string {
  const lines = [...keys.map((key) => `${key}:`), `- ${entry}`]
  return lines.map((line, depth) => `${indent}${'  '.repeat(depth)}${line}`).join('\n')
}

/**
 * Takes entries out of the list at `path`, and the list and the mapping around it when nothing is left in them. Comments that
 * stood beside them stay.
 */
export function removeEntries(
  text: string,
  path: readonly [string, string],
  matches: (value: unknown) => boolean,
): string | undefined {
  const [outer, inner] = path
  return editYaml(text, {
    values(root) {
      const list = (root[outer] as Record<string, unknown> | undefined)?.[inner]
      if (Array.isArray(list))
        Object.assign(root[outer] as object, { [inner]: list.filter((one) => !matches(one)) })
    },
    text(whole, document) {
      const list = document.getIn(path, true)
      if (!isSeq(list)) return undefined
      const items = list.items.filter(isNode)
      const gone = items.filter((item) => matches(item.toJS(document)))
      const spans = gone.map((item) => entrySpan(whole, item, list.flow === true))
      // Of a list of lines nothing would be left but its key, which says null.
      if (!list.flow && gone.length === items.length) spans.push(...keySpans(document, path))
      return cut(whole, spans)
    },
    nodes(document) {
      const list = document.getIn(path, true)
      if (!isSeq(list)) return
      list.items = list.items.filter((item) => !isNode(item) || !matches(item.toJS(document)))
    },
  })
}

type Range = readonly [number, number]

/** An entry with its "- ", or with the comma that it needs no more. */
function entrySpan(text: string, item: Node, flow: boolean): Range {
  const [from, to] = [startOf(item), endOf(item)]
  const before = /(?<mark>-|,)?[ ]*$/.exec(text.slice(0, from))
  const behind = /^[ ]*,[ ]*/.exec(text.slice(to))
  if (flow && behind && before?.groups?.mark !== ',') return [from, to + behind[0].length]
  return before?.groups?.mark === undefined ? [from, to] : [before.index, to]
}

/** The list's key, and that of the mapping around it when it has no other. */
function keySpans(document: Document.Parsed, [outer, inner]: readonly [string, string]): Range[] {
  const spans: Range[] = []
  const around = document.get(outer, true)
  for (const [map, key] of [
    [around, inner],
    [document.contents, outer],
  ] as const) {
    if (!isMap(map)) break
    const name = map.items.find((pair) => isNode(pair.key) && pair.key.toString() === key)?.key
    if (!isNode(name)) break
    // With its colon.
    spans.push([startOf(name), endOf(name) + 1])
    if (map.items.length > 1) break
  }
  return spans
}

const GONE = '\0'

/** The text without these parts; comments in them stay, and lines that held nothing else go. */
function cut(text: string, spans: readonly Range[]): string {
  const comments = commentSpans(text)
  const chars = [...Array(text.length).keys()].map((i) => text[i] ?? '')
  for (const [from, to] of spans)
    for (let i = from; i < to; i++)
      if (chars[i] !== '\n' && !comments.some(([start, end]) => i >= start && i < end)) chars[i] = GONE
  return chars
    .join('')
    .split('\n')
    .flatMap((line) => {
      if (!line.includes(GONE)) return [line]
      const left = line.replaceAll(GONE, '')
      if (left.trim() === '') return []
      return left.trimStart().startsWith('#') ? [indentOf(line, line.length) + left.trim()] : [left]
    })
    .join('\n')
}

/** Writes other text in the place of scalars. `as` is a value in one line of YAML. */
export function replaceScalars(
  text: string,
  paths: readonly (readonly [string, ...(string | number)[]])[],
  value: string,
  as: string,
): string | undefined {
  return editYaml(text, {
    values(root) {
      for (const path of paths) {
        const last = path.at(-1) ?? ''
        const holder = path
          .slice(0, -1)
          .reduce((at: unknown, key) => (at as Record<string, unknown>)[key], root)
        Object.assign(holder as object, { [last]: value })
      }
    },
    text(whole, document) {
      const nodes = paths.map((path) => document.getIn(path, true))
      if (!nodes.every(isNode)) return undefined
      const ordered = nodes.toSorted((a, b) => startOf(b) - startOf(a))
      return ordered.reduce(
        (made, node) => made.slice(0, startOf(node)) + as + made.slice(endOf(node)),
        whole,
      )
    },
    nodes(document) {
      for (const path of paths) document.setIn(path, value)
    },
  })
}

/** A host name as YAML: some would read as another kind of value. */
export function plainLabel(name: string): string {
  return /^(true|false|null|yes|no|on|off|\d[\de.]*|0[xo].*|~)$/.test(name) ? `"${name}"` : name
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0
}

/** Behind its last character: a collection of lines ends, to the parser, where the next thing begins. */
function endOf(node: Node): number {
  const last = isSeq(node) ? node.items.at(-1) : isMap(node) ? node.items.at(-1)?.value : undefined
  return isNode(last) && !(isCollection(node) && node.flow) ? endOf(last) : (node.range?.[1] ?? 0)
}

/** What stands before the thing on its line, as white space: the "- " of an entry goes. */
function indentOf(text: string, at: number): string {
  return /^[ ]*/.exec(text.slice(text.lastIndexOf('\n', at - 1) + 1, at))?.[0] ?? ''
}

function into(text: string, at: number, entry: string): string {
  return text.slice(0, at) + entry + text.slice(at)
}

/** Lines after the one that `at` is in, with its comment. */
function after(text: string, at: number, lines: string): string {
  const newline = text.indexOf('\n', at)
  return newline < 0
    ? `${text}\n${lines}\n`
    : `${text.slice(0, newline + 1)}${lines}\n${text.slice(newline + 1)}`
}
