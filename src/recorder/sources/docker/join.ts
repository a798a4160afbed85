import type { DockerEntry } from './decode.ts'

/** Characters of a joined line; a longer one becomes several records. */
const MAX_LINE = 256 * 1024

/** A line, or as much of one as is joined: then `partial`. */
export interface JoinedLine {
  readonly entry: DockerEntry
  readonly text: string
  readonly partial: boolean
}

interface Pieces {
  readonly first: DockerEntry
  readonly texts: string[]
  length: number
  readonly from: number
}

/** Joins the pieces that Docker makes of long lines, for each stream of one container. */
export class LineJoiner {
  readonly #open = new Map<DockerEntry['stream'], Pieces>()

  /** Takes an entry that begins at `offset`; the line it completes, if it does. */
  push(entry: DockerEntry, offset: number): JoinedLine | undefined {
    const pieces = this.#open.get(entry.stream)
    if (!pieces) {
      if (entry.ends || entry.text.length >= MAX_LINE)
        return { entry, text: entry.text, partial: !entry.ends }
      this.#open.set(entry.stream, {
        first: entry,
        texts: [entry.text],
        length: entry.text.length,
        from: offset,
      })
      return undefined
    }
    pieces.texts.push(entry.text)
    pieces.length += entry.text.length
    if (!entry.ends && pieces.length < MAX_LINE) return undefined
    return this.#take(entry.stream, pieces, !entry.ends)
  }

  /** Where the oldest unfinished line begins; undefined when every line is finished. */
  get from(): number | undefined {
    const starts = [...this.#open.values()].map(({ from }) => from)
    return starts.length > 0 ? Math.min(...starts) : undefined
  }

  /** Gives up waiting for the rest: the unfinished lines, as they are. */
  flush(): JoinedLine[] {
    return [...this.#open].map(([stream, pieces]) => this.#take(stream, pieces, true))
  }

  #take(stream: DockerEntry['stream'], { first, texts }: Pieces, partial: boolean): JoinedLine {
    this.#open.delete(stream)
    return { entry: first, text: texts.join(''), partial }
  }
}
