/** A text as a literal of SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A name as an identifier of SQL. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Texts as a list of SQL. */
export function list(texts: readonly string[]): string {
  return `[${texts.map(literal).join(', ')}]`
}
