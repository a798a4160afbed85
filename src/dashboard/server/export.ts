import type { UnderlyingSource } from 'node:stream/web'
import type { ExportFormat, ExportKind } from '../queries.ts'

/** Each may read years of records. */
const MAX_EXPORTS = 2

interface Export {
  readonly rows: AsyncIterable<string>
  readonly kind: ExportKind
  readonly format: ExportFormat
  /** Whoever asked is gone. */
  readonly signal: AbortSignal
}

/**
 * Returns what answers GET /api/export/KIND with a file that is made as it is sent; undefined when too many are under way.
 * A failure on the way ends the connection, so that half a file is not taken for a whole one.
 */
export function exportAnswers() {
  let underWay = 0
  return ({ rows, kind, format, signal }: Export): Response | undefined => {
    if (underWay >= MAX_EXPORTS) return undefined
    underWay += 1
    let isOver = false
    const over = (): void => {
      if (!isOver) underWay -= 1
      isOver = true
    }
    // Of who is gone before the first row is read, the rows themselves never hear.
    if (signal.aborted) over()
    else signal.addEventListener('abort', over, { once: true })
    const text = new ReadableStream<Uint8Array>(source(encoded(rows, over), over))
    const name = `sekisho-${kind}.${format === 'csv' ? 'csv' : 'jsonl'}`
    return new Response(text, {
      headers: {
        'content-type': format === 'csv' ? 'text/csv; charset=utf-8' : 'application/jsonl',
        'content-disposition': `attachment; filename="${name}"`,
      },
    })
  }
}

async function* encoded(rows: AsyncIterable<string>, over: () => void): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder()
  try {
    for await (const text of rows) if (text !== '') yield encoder.encode(text)
  } finally {
    over()
  }
}

/** As ReadableStream.from has it, and told of an end also before the first row. */
function source(text: AsyncGenerator<Uint8Array>, over: () => void): UnderlyingSource<Uint8Array> {
  return {
    async pull(controller) {
      const { done, value } = await text.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      over()
      await text.return(undefined)
    },
  }
}
