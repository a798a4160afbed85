/** Senders that are remembered, with each frame: two live at a time, the others are those of earlier lives. */
const MAX_SESSIONS = 8

interface Session {
  /** The highest id that went to the log. */
  last: number
  /** Settled when that is on the disk, or will not be. */
  stored: Promise<void>
}

/**
 * How far each sender's frames have been stored. It is kept in the log with the frames themselves, so that after a crash a
 * frame is known exactly when it is there.
 */
export class Sessions {
  readonly #sessions = new Map<string, Session>()

  /** `saved` is a position that an earlier run stored. */
  constructor(saved: unknown) {
    if (typeof saved !== 'object' || saved === null) return
    for (const [session, last] of Object.entries(saved))
      if (Number.isSafeInteger(last)) this.#sessions.set(session, { last, stored: Promise.resolve() })
  }

  /** The promise to wait for, when the frame was taken before. */
  taken(session: string, id: number): Promise<void> | undefined {
    const known = this.#sessions.get(session)
    return known && id <= known.last ? known.stored : undefined
  }

  /** Notes a frame; `store` is given the position that covers it. */
  take(session: string, id: number, store: (position: object) => Promise<void>): Promise<void> {
    // The one that spoke last is forgotten last.
    this.#sessions.delete(session)
    const entry: Session = { last: id, stored: Promise.resolve() }
    this.#sessions.set(session, entry)
    const [oldest] = this.#sessions.size > MAX_SESSIONS ? this.#sessions.keys() : []
    if (oldest !== undefined) this.#sessions.delete(oldest)
    entry.stored = store(Object.fromEntries([...this.#sessions].map(([name, { last }]) => [name, last])))
    return entry.stored
  }
}
