import type { ExportFormat, ExportKind } from '../queries.ts'

/** Each may read years of records. */
const MAX_EXPORTS = 2

/**
 * Returns what answers GET /api/export/KIND with a file that is made as it is sent; undefined when too many are under way.
 * A failure on the way ends the connection, so that half a file is not taken for a whole one.
 */
export function exportAnswers() {
  let underWay = 0
  return (rows: AsyncIterable<string>, kind: ExportKind, format: ExportFormat): Response | undefined => {
    if (underWay >= MAX_EXPORTS) return undefined
    underWay += 1
    const text = counted(rows, () => {
      underWay -= 1
    })
    const name = `sekisho-${kind}.${format === 'csv' ? 'csv' : 'jsonl'}`
    return new Response(ReadableStream.from(text), {
      headers: {
        'content-type': format === 'csv' ? 'text/csv; charset=utf-8' : 'application/jsonl',
        'content-disposition': `attachment; filename="${name}"`,
      },
    })
  }
}

async function* counted(rows: AsyncIterable<string>, done: () => void): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  try {
    for await (const text of rows) if (text !== '') yield encoder.encode(text)
  } finally {
    done()
  }
}
