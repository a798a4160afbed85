import { Document, isMap, isScalar, isSeq, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { printable } from '../lib/printable.ts'
import { wrap } from '../lib/wrap.ts'

/*
 * router.yaml before it is text: plain data in which every part may carry a note that says where it came from.
 */

export interface Noted {
  readonly of: string | number | boolean | readonly Noted[] | NotedMap
  readonly note?: string
  /** On one line, as `[a, b]` or `{ a: b }`. */
  readonly flow?: boolean
}

export interface NotedMap {
  readonly [key: string]: Noted
}

export type NotedPath = readonly (string | number)[]

/** A list or a mapping is of other notes, everything else is a value. */
export function noted(of: Noted['of'], note?: string): Noted {
  return { of, ...(note !== undefined && { note }) }
}

/** A list of plain values on one line. */
export function row(values: readonly (string | number)[], note?: string): Noted {
  return { of: values.map((value) => noted(value)), flow: true, ...(note !== undefined && { note }) }
}

/** What stands at a path, and the note nearest to it on the way there. */
export function find(root: Noted, path: NotedPath): { readonly found?: Noted; readonly note?: string } {
  let found: Noted | undefined = root
  let note = root.note
  for (const step of path) {
    found = childOf(found, step)
    if (!found) break
    note = found.note ?? note
  }
  return { ...(found && { found }), ...(note !== undefined && { note }) }
}

function childOf({ of }: Noted, step: string | number): Noted | undefined {
  if (typeof of !== 'object') return undefined
  if (isList(of)) return typeof step === 'number' ? of[step] : undefined
  return Object.hasOwn(of, step) ? of[step] : undefined
}

/** The same without what stands at a path; a list or a mapping that becomes empty goes too, but for the root. */
export function without(root: Noted, path: NotedPath): Noted {
  return drop(root, path) ?? { ...root, of: {} }
}

function drop(node: Noted, [step, ...rest]: NotedPath): Noted | undefined {
  const child = step === undefined ? undefined : childOf(node, step)
  if (step === undefined || child === undefined) return step === undefined ? undefined : node
  const kept = drop(child, rest)
  if (isList(node.of)) {
    const of = node.of.flatMap((item, i) => (i === step ? (kept ?? []) : item))
    return of.length === 0 ? undefined : { ...node, of }
  }
  const of = Object.fromEntries(
    Object.entries(node.of).flatMap(([key, value]) =>
      key === step ? (kept ? [[key, kept]] : []) : [[key, value]],
    ),
  ) as NotedMap
  return Object.keys(of).length === 0 ? undefined : { ...node, of }
}

function isList(of: Noted['of']): of is readonly Noted[] {
  return Array.isArray(of)
}

const WIDTH = 100
/** A note that is longer stands above its line. */
const BESIDE = 60

/** The text of a router.yaml. Values are quoted where they must be; notes become comments of printable lines. */
export function textOf(root: Noted, head: readonly string[]): string {
  const document = new Document(undefined, { version: '1.2', schema: 'core' })
  document.contents = nodeOf(root) as typeof document.contents
  document.commentBefore = head.map(comment).join('\n')
  return document.toString({ lineWidth: 0, flowCollectionPadding: false })
}

function nodeOf({ of, flow }: Noted): Node {
  if (typeof of !== 'object') return new Scalar(of)
  if (isList(of)) {
    const list = new YAMLSeq()
    list.flow = flow === true
    for (const item of of) {
      const node = nodeOf(item)
      if (item.note !== undefined) annotate(node, node, item.note, flow === true)
      list.items.push(node)
    }
    return list
  }
  const map = new YAMLMap()
  map.flow = flow === true || Object.keys(of).length === 0
  for (const [key, value] of Object.entries(of)) {
    const name = new Scalar(key)
    const node = nodeOf(value)
    if (value.note !== undefined) annotate(name, node, value.note, flow === true)
    map.items.push(new Pair(name, node))
  }
  return map
}

/** Beside a value, or above its key; within one line there is no place for it. */
function annotate(above: Node, node: Node, note: string, inLine: boolean): void {
  if (inLine) return
  const text = comment(note)
  const isShort =
    isScalar(node) || (isSeq(node) && node.flow === true) || (isMap(node) && node.items.length === 0)
  if (isShort && text.length <= BESIDE) node.comment = text
  else above.commentBefore = text
}

function comment(text: string): string {
  const line = printable(text.replace(/\s+/g, ' ').trim())
  return wrap(line, WIDTH)
    .split('\n')
    .map((part) => ` ${part}`)
    .join('\n')
}
