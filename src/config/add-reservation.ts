import { isDeepStrictEqual } from 'node:util'
import { isCollection, isMap, isNode, isSeq, type Node, parseDocument } from 'yaml'
import type { Reservation } from './schema.ts'

/**
 * The text of a router.yaml with one more reservation at the end of a network's: every other character stays where that
 * can be done, and every comment in any case. Undefined when the network has no dhcp section of its own in the file.
 */
export function addReservation(text: string, network: string, reservation: Reservation): string | undefined {
  const document = read(text)
  const dhcp = document.getIn(['networks', network, 'dhcp'], true)
  if (document.errors.length > 0 || !isMap(dhcp)) return undefined
  const path = ['networks', network, 'dhcp', 'reservations']
  const listed = dhcp.get('reservations', true)
  if (listed !== undefined && !isSeq(listed)) return undefined
  // A list that another network has too is not this network's.
  if (isSeq(listed) && listed.anchor !== undefined) return undefined
  const edited = insert(text, dhcp, isSeq(listed) ? listed : undefined, flow(reservation))
  if (isSeq(listed)) document.addIn(path, document.createNode(reservation, { flow: true }))
  else document.setIn(path, document.createNode([reservation]))
  if (edited !== undefined && isDeepStrictEqual(plain(edited), document.toJS())) return edited
  return document.toString({ lineWidth: 0 })
}

function read(text: string) {
  return parseDocument(text, { version: '1.2', schema: 'core', logLevel: 'error' })
}

function plain(text: string): unknown {
  const document = read(text)
  return document.errors.length > 0 ? undefined : document.toJS()
}

/** The new entry as characters put into the text; undefined where there is no plain place for them. */
function insert(text: string, dhcp: Node, listed: Node | undefined, entry: string): string | undefined {
  if (isSeq(listed) && listed.items.length > 0) {
    const [first, last] = [listed.items[0], listed.items.at(-1)]
    if (!isNode(first) || !isNode(last)) return undefined
    if (listed.flow) return into(text, endOf(last), `, ${entry}`)
    return after(text, endOf(last), `${indentOf(text, startOf(first))}- ${entry}`)
  }
  if (isSeq(listed)) return into(text, endOf(listed) - 1, entry)
  const last = isMap(dhcp) ? dhcp.items.at(-1) : undefined
  if (!isMap(dhcp) || !isNode(last?.key) || !isNode(last.value)) return undefined
  if (dhcp.flow) return into(text, endOf(last.value), `, reservations: [${entry}]`)
  const indent = indentOf(text, startOf(last.key))
  return after(text, endOf(last.value), `${indent}reservations:\n${indent}  - ${entry}`)
}

/** One line of a flow mapping; a MAC address of digits alone would read as a number in base 60. */
function flow({ name, mac, address }: Reservation): string {
  const label = /^(true|false|null|yes|no|on|off|\d[\de.]*|0[xo].*|~)$/.test(name) ? `"${name}"` : name
  return `{ name: ${label}, mac: "${mac}", address: ${address} }`
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
