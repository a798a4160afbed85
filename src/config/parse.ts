import { type ErrorCode, LineCounter, parseDocument } from 'yaml'
import { decodeText } from './decode-text.ts'
import type { Issue, Location } from './issue.ts'
import { locateIn, locateRange } from './locate.ts'
import { plainValue } from './plain-value.ts'

/** A file that is YAML: its value as plain data, and where each part of it stands. */
export interface Source {
  readonly file: string
  readonly text: string
  readonly value: unknown
  /**
   * Where a path stands: its value, or its key when `at` is 'key' or the value is a mapping or a list. What is
   * not in the file is found at the key of the nearest thing around it that is.
   */
  locate(path: readonly (string | number)[], at?: 'key' | 'value'): Location
}

export interface Parsed {
  /** Absent when the text is no YAML at all. */
  readonly source?: Source
  readonly issues: readonly Issue[]
}

/** A router.yaml of a thousand hosts has a tenth of this; YAML parsers take seconds for hostile megabytes. */
export const MAX_BYTES = 256 * 1024
const MAX_SYNTAX_ISSUES = 20

/** Reads YAML 1.2 text or UTF-8 bytes of at most MAX_BYTES. Never throws; what is wrong comes back as issues. */
export function parse(input: string | Uint8Array, file: string): Parsed {
  const decoded = decodeText(input, file, MAX_BYTES)
  if (!decoded.ok) return { issues: decoded.issues }
  const { text } = decoded
  const at = (start: number, end: number): Location => locateRange(file, text, start, end)
  const whole = (message: string, fix: string): Parsed => ({
    issues: [{ path: [], message, fix, location: at(0, 0) }],
  })

  let document: ReturnType<typeof parseDocument>
  try {
    // Duplicate keys are found by us: the library compares every key of a mapping with every other.
    document = parseDocument(text, {
      version: '1.2',
      schema: 'core',
      lineCounter: new LineCounter(),
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
    })
  } catch {
    // The parser is recursive: the stack is what gives first on absurd nesting.
    return whole(NESTED.message, NESTED.fix)
  }

  if (document.errors.length > 0) {
    const shown = document.errors.slice(0, MAX_SYNTAX_ISSUES).map(({ code, message, pos }) => ({
      path: [],
      ...explain(code, message, text.slice(pos[0], pos[0] + 1)),
      location: at(pos[0], pos[1]),
    }))
    const more = document.errors.length - shown.length
    const last = document.errors.at(-1)?.pos ?? [0, 0]
    const rest: Issue = {
      path: [],
      message: `${more} more YAML mistakes follow`,
      fix: 'mend the first ones, then check again',
      location: at(last[0], last[1]),
    }
    return { issues: more > 0 ? [...shown, rest] : shown }
  }
  if (document.directives?.yaml.explicit && document.directives.yaml.version !== '1.2') {
    return whole(
      'this is another version of YAML, in which words like "yes" change their meaning',
      'remove the %YAML line',
    )
  }

  const plain = plainValue(document.contents, text.length)
  const issues = plain.issues.map(({ path, message, fix, start, end }) => ({
    path,
    message,
    fix,
    location: at(start, end),
  }))
  if (plain.value === null && issues.length === 0) {
    return whole('the file is empty', 'run "sekisho init" to write a first one')
  }
  if (typeof plain.value !== 'object' || plain.value === null || Array.isArray(plain.value)) {
    if (issues.length > 0) return { issues }
    return whole('the file must be a mapping of keys', 'begin with "version: 1", then "hostname: …"')
  }
  const source: Source = {
    file,
    text,
    value: plain.value,
    locate: (path, where = 'value') => {
      const range = locateIn(document.contents, plain.aliases, path, where)
      return at(range[0], range[1])
    },
  }
  return { source, issues }
}

interface Words {
  readonly message: string
  readonly fix: string
}

const NESTED: Words = { message: 'the YAML is nested too deeply', fix: 'write plain mappings and lists' }

const EXPLAINED: Partial<Record<ErrorCode, Words>> = {
  TAB_AS_INDENT: { message: 'a tab is used as indentation', fix: 'indent with spaces' },
  MULTIPLE_DOCS: {
    message: 'the file holds more than one YAML document',
    fix: 'remove the "---" line and what follows',
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'a second "key:" begins inside a value',
    fix: 'put it on a line of its own with the indentation of its neighbours, or quote the value if it ends in ":"',
  },
  MULTILINE_IMPLICIT_KEY: {
    message: 'a key runs over several lines',
    fix: 'write "key: value", with a space after the colon',
  },
  RESOURCE_EXHAUSTION: NESTED,
}

const FIXES: Partial<Record<ErrorCode, string>> = {
  BAD_INDENT: 'align the line with its neighbours',
  MISSING_CHAR: 'close the quote or bracket, or put the missing character here',
}

/** Says in the reader's terms what the YAML library found; `char` stands at the place. */
function explain(code: ErrorCode, message: string, char: string): Words {
  if (code === 'BAD_SCALAR_START') {
    return {
      message: `a value cannot begin with ${JSON.stringify(char)}`,
      fix: 'put quotes around the value',
    }
  }
  return EXPLAINED[code] ?? { message, fix: FIXES[code] ?? 'check the indentation, quotes and brackets here' }
}
