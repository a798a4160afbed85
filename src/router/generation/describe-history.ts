import { createColors } from 'picocolors'
import { printable } from '../../lib/printable.ts'
import { table } from '../../lib/table.ts'
import type { DescribeOptions } from '../describe.ts'
import type { HistoryEntry } from './history.ts'

const MIN_SUMMARY = 20

/** The list of generations for people: one line each, the newest first; `timeZone` is what times are shown in. */
export function describeHistory(
  entries: readonly HistoryEntry[],
  { color = false, width = Number.POSITIVE_INFINITY, timeZone }: DescribeOptions & { timeZone?: string } = {},
): string {
  if (entries.length === 0) return 'Nothing was applied yet.\n'
  const { bold } = createColors(color)
  const rows = entries.map((entry) => [
    `${entry.current ? '*' : ' '}${entry.number}`,
    localTime(entry.createdAt, timeZone),
    printable(entry.author ?? '-'),
    stateOf(entry),
  ])
  const left = table(rows).split('\n')
  const widest = Math.max(...left.map((line) => line.length))
  const room = Math.max(MIN_SUMMARY, width - widest - 2)
  return entries
    .map((entry, i) => {
      const line = `${(left[i] ?? '').padEnd(widest)}  ${summaryLine(entry.summary, room)}`.trimEnd()
      return `${entry.current ? bold(line) : line}\n`
    })
    .join('')
}

function stateOf({ current, confirmed, undone }: HistoryEntry): string {
  if (current) return confirmed ? 'in use' : 'in use, not confirmed'
  if (confirmed) return 'confirmed'
  return undone === undefined ? '' : 'undone'
}

/** The first change, and how many more there are. */
function summaryLine([first = '', ...more]: readonly string[], room: number): string {
  const rest = more.length > 0 ? `, +${more.length} more` : ''
  const shown = printable(first)
  const left = room - rest.length
  return `${shown.length > left ? `${shown.slice(0, Math.max(0, left - 1))}…` : shown}${rest}`
}

/** "2026-11-26 20:15", as the clock on the wall shows it. */
function localTime(iso: string, timeZone: string | undefined): string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    dateStyle: 'short',
    timeStyle: 'short',
    ...(timeZone !== undefined && { timeZone }),
  })
  return format.format(new Date(iso))
}
