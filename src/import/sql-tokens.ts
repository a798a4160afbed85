/*
 * The words of a MySQL dump (MySQL reference manual, "Language Structure"). One pass over the text, whatever it holds.
 */

export interface SqlToken {
  /** A name is in backticks, a text in quotes or written as hexadecimal digits; `value` is what it means. */
  readonly kind: 'word' | 'name' | 'text' | 'number' | 'sign'
  readonly value: string
  /** Where it begins. */
  readonly at: number
}

export interface Statements {
  readonly statements: readonly (readonly SqlToken[])[]
  /** Where something begins that does not end. */
  readonly openAt?: number
}

/** Only statements about leases are kept word for word: others are as long as somebody's database. */
const WANTED = /^(CREATE|INSERT|REPLACE)$/i

/** Every statement's words; comments are left out, those with a condition ("/*!40101 …") too. */
export function statementsOf(text: string): Statements {
  const statements: SqlToken[][] = []
  let tokens: SqlToken[] = []
  let openAt: number | undefined
  const end = () => {
    if (tokens.length > 0 && WANTED.test(tokens[0]?.value ?? '')) statements.push(tokens)
    tokens = []
  }
  for (let at = 0; at < text.length; ) {
    const blank = /[\s]/.test(text[at] ?? '')
    if (blank) {
      at++
      continue
    }
    const comment = commentEnd(text, at)
    if (comment !== undefined) {
      if (comment < 0) openAt ??= at
      at = comment < 0 ? text.length : comment
    } else if (text[at] === ';') {
      end()
      at++
    } else {
      const read = tokenAt(text, at)
      if (read === undefined) {
        openAt ??= at
        break
      }
      // Beyond its first word a statement of no interest is skipped.
      if (tokens.length === 0 || WANTED.test(tokens[0]?.value ?? '')) tokens.push(read.token)
      at = read.end
    }
  }
  end()
  return { statements, ...(openAt !== undefined && { openAt }) }
}

/** Where a comment that begins here ends; -1 when it does not; undefined when none begins. */
function commentEnd(text: string, at: number): number | undefined {
  if (text.startsWith('/*', at)) {
    const end = text.indexOf('*/', at + 2)
    return end < 0 ? -1 : end + 2
  }
  if (text[at] !== '#' && !/^--(\s|$)/.test(text.slice(at, at + 3))) return undefined
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end
}

function tokenAt(text: string, at: number): { readonly token: SqlToken; readonly end: number } | undefined {
  const char = text[at] ?? ''
  const made = (kind: SqlToken['kind'], value: string, end: number) => ({ token: { kind, value, at }, end })
  if (char === "'" || char === '"' || char === '`') {
    const read = quoted(text, at, char)
    return read && made(char === '`' ? 'name' : 'text', read.value, read.end)
  }
  const word = /[\w$.+-]{1,64}/y
  word.lastIndex = at
  const found = word.exec(text)?.[0]
  if (found === undefined) return made('sign', char, at + 1)
  if (/^[xX]$/.test(found) && text[at + 1] === "'") {
    const read = quoted(text, at + 1, "'")
    return read && made('text', Buffer.from(read.value, 'hex').toString('latin1'), read.end)
  }
  const digits = /0x[0-9a-fA-F]+/y
  digits.lastIndex = at
  const hexadecimal = digits.exec(text)?.[0]
  if (hexadecimal !== undefined)
    return made('text', Buffer.from(hexadecimal.slice(2), 'hex').toString('latin1'), at + hexadecimal.length)
  return made(/^[+-]?\d/.test(found) ? 'number' : 'word', found, at + found.length)
}

const ESCAPES: Readonly<Record<string, string>> = { '0': '\0', b: '\b', n: '\n', r: '\r', t: '\t', Z: '\x1a' }

/** A text in quotes: a backslash takes the next sign, and the quote twice means itself. */
function quoted(
  text: string,
  at: number,
  quote: string,
): { readonly value: string; readonly end: number } | undefined {
  const parts: string[] = []
  let from = at + 1
  for (let i = from; i < text.length; i++) {
    const char = text[i] ?? ''
    if (char === '\\' && quote !== '`') {
      const next = text[i + 1] ?? ''
      parts.push(text.slice(from, i), ESCAPES[next] ?? next)
      i++
      from = i + 1
    } else if (char === quote) {
      parts.push(text.slice(from, i))
      if (text[i + 1] !== quote) return { value: parts.join(''), end: i + 1 }
      parts.push(quote)
      i++
      from = i + 1
    }
  }
  return undefined
}
