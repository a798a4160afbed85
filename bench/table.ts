export type Row = Readonly<Record<string, string | number>>

/** Prints rows as a table with aligned columns, or as JSON when the command line says --json. */
export function print(title: string, rows: readonly Row[]): void {
  if (process.argv.includes('--json')) {
    process.stdout.write(`${JSON.stringify({ title, rows })}\n`)
    return
  }
  const names = Object.keys(rows[0] ?? {})
  const lines = [names, ...rows.map((row) => names.map((name) => String(row[name] ?? '')))]
  const widths = names.map((_, i) => Math.max(...lines.map((line) => (line[i] ?? '').length)))
  const text = lines.map((line) =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  process.stdout.write(`${title}\n${text.join('\n')}\n\n`)
}

/** Of so many, in percent. */
export function percent(part: number, whole: number): string {
  return `${((part / whole) * 100).toFixed(2)} %`
}
