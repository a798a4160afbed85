import type { Issue } from './issue.ts'
import { locateRange } from './locate.ts'

export type Decoded =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly issues: readonly Issue[] }

/** Bytes to text: UTF-8 without control characters, at most `maxBytes`; a leading byte order mark is dropped. */
export function decodeText(input: string | Uint8Array, file: string, maxBytes: number): Decoded {
  const bytes = typeof input === 'string' ? Buffer.byteLength(input) : input.length
  if (bytes > maxBytes) {
    return refuse(
      file,
      '',
      0,
      `the file has ${bytes} bytes; at most ${maxBytes} are read`,
      'split off what is no configuration',
    )
  }
  const decoded = typeof input === 'string' ? input : fromBytes(input)
  if (decoded === undefined) {
    return refuse(file, '', 0, 'the file is not UTF-8 text', 'save it as UTF-8 without a byte order mark')
  }
  const text = decoded.replace(/^\ufeff/, '')
  // YAML 1.2 section 5.1 allows no other control characters, and the parser does not look.
  const bad = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u.exec(text)
  if (bad) {
    const code = bad[0].codePointAt(0)?.toString(16).padStart(4, '0')
    return refuse(
      file,
      text,
      bad.index,
      `the control character U+${code?.toUpperCase()} is in the text`,
      'delete it',
    )
  }
  return { ok: true, text }
}

function fromBytes(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function refuse(file: string, text: string, offset: number, message: string, fix: string): Decoded {
  return {
    ok: false,
    issues: [{ path: [], message, fix, location: locateRange(file, text, offset, offset + 1) }],
  }
}
