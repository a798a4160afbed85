/** A name of DNS has 255 bytes at most, and escapes. */
const NAME = 300
/** Of a line there is more in the export. */
const LINE = 500

/** The beginning of a text, which may be anything that a stranger sent; "…" says that there was more. */
function cut(text: string, length: number): string {
  if (text.length <= length) return text
  const end = text.slice(0, length - 1)
  // Not half of a character.
  return `${/[\ud800-\udbff]$/.test(end) ? end.slice(0, -1) : end}…`
}

export function cutName(text: string): string {
  return cut(text, NAME)
}

export function cutLine(text: string): string {
  return cut(text, LINE)
}
