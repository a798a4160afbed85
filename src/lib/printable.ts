/**
 * Control and format characters as escapes: a terminal obeys them (ECMA-48), and bidirectional overrides make a
 * line read as another one.
 */
export function printable(text: string): string {
  return [...text].map(printableChar).join('')
}

/** The same of one character. */
export function printableChar(char: string): string {
  if (!/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u.test(char)) return char
  const code = char.codePointAt(0) ?? 0
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
}

/** A line of a file for a terminal: tabs stay, for they are how it is indented. */
export function printableLine(line: string): string {
  return line.split('\t').map(printable).join('\t')
}
