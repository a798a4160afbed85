/** What became of a source's input since the process started: received = stored + dropped + malformed + pending. */
export interface Counts {
  received: number
  /** On the disk, after fsync. */
  stored: number
  /** Given up: no room, or lost on the way as the kernel tells. */
  dropped: number
  /** Not a record and nothing that could be kept. */
  malformed: number
}

export function zeroCounts(): Counts {
  return { received: 0, stored: 0, dropped: 0, malformed: 0 }
}
