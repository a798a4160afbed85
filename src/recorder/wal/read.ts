import { type FileHandle, open } from 'node:fs/promises'
import { decodeFrame, FRAME_HEAD_BYTES, type Frame, frameBytes, HEADER } from './frame.ts'

const CHUNK_BYTES = 1024 * 1024

export interface ReadFrame extends Frame {
  /** Where the next frame begins in the file: give it as `from` to go on later. */
  readonly end: number
}

/**
 * Reads a segment's frames in order, from the beginning or from where a frame ended, and holds about one frame and 1 MiB
 * in memory. Ends at the first frame that is torn, damaged or not written yet, so that it reads the segment that is
 * being written as well. Throws when the file cannot be read or is no segment.
 */
export async function* readFrames(path: string, from = 0): AsyncGenerator<ReadFrame, void, void> {
  const file = await open(path, 'r')
  try {
    let base = Math.max(from, HEADER.length)
    if (from < HEADER.length) await checkHeader(file, path)
    let chunk: Buffer = Buffer.alloc(0)
    for (;;) {
      let at = 0
      for (let frame = decodeFrame(chunk, at); frame; frame = decodeFrame(chunk, at)) {
        at = frame.end
        yield { meta: frame.meta, body: frame.body, end: base + at }
      }
      base += at
      const more = await readOn(file, chunk.subarray(at), base)
      if (!more) return
      chunk = more
    }
  } finally {
    await file.close()
  }
}

async function checkHeader(file: FileHandle, path: string): Promise<void> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER.length), 0, HEADER.length, 0)
  if (bytesRead < HEADER.length || !buffer.equals(HEADER)) throw new Error(`${path} is not a log segment`)
}

/** `rest`, which begins at `offset` of the file, and what follows it, to one whole frame at least; undefined at the end. */
async function readOn(file: FileHandle, rest: Buffer, offset: number): Promise<Buffer | undefined> {
  const needed = rest.length < FRAME_HEAD_BYTES ? FRAME_HEAD_BYTES : frameBytes(rest, 0)
  // An impossible length, or a frame that is here whole and was refused.
  if (needed === undefined || needed <= rest.length) return undefined
  const left = (await file.stat()).size - offset
  if (left < needed) return undefined
  // New memory each time: a caller may keep a body.
  const chunk = Buffer.allocUnsafeSlow(Math.min(left, Math.max(needed, CHUNK_BYTES)))
  rest.copy(chunk)
  let filled = rest.length
  while (filled < chunk.length) {
    const { bytesRead } = await file.read(chunk, filled, chunk.length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled < needed ? undefined : chunk.subarray(0, filled)
}
