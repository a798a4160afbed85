import { isRandomMac } from './mac.ts'

const LINE_FEED = 0x0a
const TAB = 0x09
/** The lengths of IEEE assignments in hex digits: MA-S, MA-M, MA-L. */
const LENGTHS = [9, 7, 6] as const

/**
 * Who made the device with this MAC address, by the longest assignment in a table that `vendorTable` made; undefined for
 * an address that is nobody's, and for one that the device made up.
 */
export function vendorOf(table: Buffer, mac: string): string | undefined {
  if (isRandomMac(mac)) return undefined
  const digits = mac.replaceAll(':', '').toUpperCase()
  for (const length of LENGTHS) {
    const name = lookUp(table, digits.slice(0, length))
    if (name !== undefined) return name
  }
  return undefined
}

/** Binary search among the table's sorted lines. */
function lookUp(table: Buffer, prefix: string): string | undefined {
  let low = 0
  let high = table.length
  while (low < high) {
    const middle = (low + high) >> 1
    // A negative offset would count from the end.
    const start = middle === 0 ? 0 : table.lastIndexOf(LINE_FEED, middle - 1) + 1
    const next = table.indexOf(LINE_FEED, middle)
    const end = next < 0 ? table.length : next
    const tab = table.indexOf(TAB, start)
    if (tab < 0 || tab > end) return undefined
    const key = table.toString('latin1', start, tab)
    if (key === prefix) return table.toString('utf8', tab + 1, end)
    if (key < prefix) low = end + 1
    else high = start
  }
  return undefined
}
