const MAX_NAME = 48
/** What stands for an assignee that is not named, and for a block that is assigned in smaller ones. */
const UNNAMED: ReadonlySet<string> = new Set(['', 'Private', 'IEEE Registration Authority'])

/**
 * The table for `vendorOf` from the IEEE's lists (oui.csv, mam.csv, oui36.csv of Debian's ieee-data): a line each,
 * "<6, 7 or 9 hex digits>\t<name>", sorted by the digits.
 */
export function vendorTable(lists: readonly string[]): string {
  const names = new Map<string, string>()
  for (const list of lists) {
    for (const [registry, assignment = '', organisation = ''] of csvRows(list)) {
      const name = organisation.replace(/\s+/g, ' ').trim().slice(0, MAX_NAME).trim()
      if (!/^MA-[LMS]$/.test(registry ?? '') || !/^([0-9A-F]{6}|[0-9A-F]{7}|[0-9A-F]{9})$/.test(assignment)) {
        continue
      }
      if (!UNNAMED.has(name)) names.set(assignment, name)
    }
  }
  return [...names]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([assignment, name]) => `${assignment}\t${name}\n`)
    .join('')
}

/** The rows of a CSV text (RFC 4180); quoted fields may hold commas, line breaks and doubled quotes. */
function* csvRows(text: string): Generator<string[]> {
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/y
  let row: string[] = []
  while (field.lastIndex < text.length) {
    const match = field.exec(text)
    if (match === null) throw new Error(`not a CSV text at ${field.lastIndex}`)
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '')
    if (match[3] === ',') continue
    yield row
    row = []
  }
}
