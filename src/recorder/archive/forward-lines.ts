import type { KindName } from '../records/kinds.ts'
import type { ForwardChunk } from '../wal/frame.ts'

/** The entries of a raw Forward chunk as NDJSON lines of the kinds they belong to. */
export function forwardLines(
  _chunk: ForwardChunk,
  _body: Buffer,
): Iterable<{ readonly kind: KindName; readonly line: string }> {
  throw new Error('stand-in until the Forward source has landed')
}
