/** What drives a terminal, turns the direction of text, cannot be seen, ends a line, or is half a character. */
export const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
/** Of two columns on a terminal: Unicode's East Asian Wide and Fullwidth, roughly, and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u
const COMBINING = /\p{M}/u

/** Text as a terminal may have it: whatever a record holds, it stays on its line and changes nothing. */
export function screenText(text: string): string {
  return text.replace(UNSAFE, (character) => escaped(character))
}

function escaped(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  if (character === '\r') return '\\r'
  const code = character.codePointAt(0) ?? 0
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`
  return `\\u{${code.toString(16)}}`
}

/** How many columns of a terminal a text takes. */
export function screenWidth(text: string): number {
  if (Buffer.byteLength(text) === text.length) return text.length
  let width = 0
  for (const character of text) width += WIDE.test(character) ? 2 : COMBINING.test(character) ? 0 : 1
  return width
}

/** The beginning of a text, within so many columns; "…" says that there was more. */
export function clip(text: string, columns: number): string {
  if (screenWidth(text) <= columns) return text
  let width = 0
  let kept = ''
  for (const character of text) {
    width += screenWidth(character)
    if (width > columns - 1) break
    kept += character
  }
  return `${kept}…`
}
